"""Real replicas over RDMA killed, stopped and starved while clients work, on one host (tests/chaos).

The seeds are those of the rounds over shared memory in every ./check (chaos.3-replicas, chaos.5-replicas), and a seed is
the same plan of faults here as there.
"""

import json
import os
import re
import subprocess

import machines
import paths

PROGRAM = os.path.join(paths.BIN, "gaios-chaos")
ROUNDS = {3: 6, 5: 4}
# A leader that is silent for a second is suspected here, and for a tenth of one over shared memory: so faults come later
# and last longer, that there are failovers between them.
SLOWER = 4
SECONDS = 1500  # of a round, on a machine that has other things to do

with open(os.path.join(paths.SOURCE_DIR, "tests", "chaos", "seeds.json"), encoding="utf-8") as file:
    SEEDS = {int(replicas): seed for replicas, seed in json.load(file).items() if replicas.isdigit()}


class GroupsUnderFire(machines.LabTest):
    HOSTS = 1
    MEMORY_MIB = 1024

    def play(self, seed, replicas, slower):
        """Plays one round, which must pass, by the plan that the seed stands for over shared memory."""
        round_of = ["--seed", seed, "--rounds", 1, "--replicas", replicas]
        told = subprocess.run([PROGRAM, "--plan", *map(str, round_of)], capture_output=True, text=True, check=True).stdout
        plan = re.search(r"; plan ([0-9a-f]{16}), ([0-9]+) faults", told)
        playing = self.begin("run", "--timeout", SECONDS, 0, PROGRAM, "--transport", "verbs", "--slower", slower, *round_of,
                             "--keep", "/run/results/chaos")
        output, errors = playing.communicate(timeout=SECONDS + 60)
        print(output, errors, flush=True)
        self.assertEqual(0, playing.returncode)
        self.assertRegex(output, r"(?m)^1 passed, 0 failed$")
        self.assertIn(f"; plan {plan[1]}, of its {plan[2]} faults: ", output)


class ChaosTest(GroupsUnderFire):
    def test_groups_under_fire(self):
        for replicas, rounds in ROUNDS.items():
            for seed in range(SEEDS[replicas], SEEDS[replicas] + rounds):
                with self.subTest(seed=seed, replicas=replicas):
                    self.play(seed, replicas, SLOWER)


if __name__ == "__main__":
    machines.main()
