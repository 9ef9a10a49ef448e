"""Real replicas over RDMA killed, stopped and starved while clients work, on one host (tests/chaos)."""

import os

import machines
import paths

ROUNDS = 3


class ChaosTest(machines.LabTest):
    HOSTS = 1
    MEMORY_MIB = 1024

    def test_groups_under_fire(self):
        for seed in range(1, ROUNDS + 1):
            with self.subTest(seed=seed):
                code, output, errors = self.lab(
                    "run", "--timeout", machines.BOUND_SECONDS, 0, os.path.join(paths.BIN, "gaios-chaos"), "--transport",
                    "verbs", "--seed", seed, "--rounds", 1, "--replicas", 3, "--keep", "/run/results/chaos")
                print(output, errors, flush=True)
                self.assertEqual(0, code)
                self.assertRegex(output, r"(?m)^1 passed, 0 failed$")


if __name__ == "__main__":
    machines.main()
