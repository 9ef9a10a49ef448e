# Installs Debian packages, for the scripts that source this. A list of packages has one a line, name and purpose.
# Messages go to stderr.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }
die() { say "$0: $*"; exit 1; }
names() { awk 'NF {print $1}' <<<"$1"; }
list_packages() { awk 'NF {name = $1; $1 = ""; printf "%-20s%s\n", name, $0}' <<<"$1"; }

# install_packages LIST: returns at once when all are there; ends the script with 1 when they cannot be installed. Needs
# root, or sudo that works without a terminal or with one.
install_packages() {
  local wanted=$1 installed missing as_root apt by_hand name summary refreshed=false
  command -v dpkg-query >/dev/null || die "this is not a Debian system. Install the counterparts of these by hand:
$(names "$wanted" | paste -sd ' ')"

  # shellcheck disable=SC2046  # one argument per package
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $(names "$wanted") 2>/dev/null |
              awk '$1 == "installed" {print $2}' || true)
  mapfile -t missing < <(grep -vxF -f <(printf '%s\n' "$installed") <(names "$wanted") || true)
  [ "${#missing[@]}" -gt 0 ] || return 0

  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    by_hand="as root, run: apt-get install -y --no-install-recommends ${missing[*]}"
    command -v sudo >/dev/null || die "needs root to install packages, and there is no sudo; $by_hand"
    if [ -t 0 ]; then as_root=(sudo); else as_root=(sudo -n); fi
    "${as_root[@]}" true || die "needs root to install packages, and sudo refused; $by_hand"
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive)
  # A first boot may hold the lock of dpkg for a while.
  apt=(apt-get -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3)

  apt_log=$(mktemp)
  trap 'rm -f "$apt_log"' EXIT

  say "installing ${#missing[@]} Debian packages:"
  for name in "${missing[@]}"; do
    say "  $(awk -v name="$name" '$1 == name {$1 = ""; printf "%-20s%s", name, $0}' <<<"$wanted")"
  done
  if ! summary=$(apt_plan); then
    apt_update || apt_failed "apt-get update failed: is the network there?"
    refreshed=true
    summary=$(apt_plan) || apt_failed "apt does not know all of these packages: Gaios is built on Debian 12 (bookworm)"
  fi
  say "with what they depend on: $(paste -sd ' ' <<<"$summary")"
  if ! apt_install; then
    # Package lists that are older than the archive's last change name files that are gone.
    if [ "$refreshed" = true ]; then apt_failed "apt-get install failed"; fi
    apt_update || apt_failed "apt-get update failed: is the network there?"
    apt_install || apt_failed "apt-get install failed"
  fi
  say "installed"
}

# The parts of install_packages; they use its variables.
apt_failed() { tail -n 15 "$apt_log" >&2; die "$* (the last lines of apt's output are above)"; }

# Prints what apt would do; fails when it does not know a package.
apt_plan() {
  "${as_root[@]}" LC_ALL=C "${apt[@]}" install --assume-no --no-install-recommends "${missing[@]}" \
    >"$apt_log" 2>&1 || true
  grep -E '^(Need to get|After this operation)' "$apt_log"
}
apt_update() {
  say "refreshing the package lists (apt-get update)"
  "${as_root[@]}" "${apt[@]}" update -qq >"$apt_log" 2>&1 || return 1
  # A list that could not be fetched is only a warning to apt.
  { grep -E '^[WE]: ' "$apt_log" || true; } >&2
}
apt_install() {
  "${as_root[@]}" "${apt[@]}" install -y -qq --no-install-recommends "${missing[@]}" >"$apt_log" 2>&1
}
