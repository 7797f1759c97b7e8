#!/usr/bin/env bash
# Everything about the GPU that is here, in less than eight minutes:
#
#     bench/gpu/measure.sh OUT
#
# builds blockhess_gpu for this GPU, checks its kernels, lets compute-sanitizer look at a part of the
# check, times the kernels against memset and copy, and JAX's and PyTorch's ways to the same blocks.
# OUT/measure.txt and OUT/measure.json say what was found, anew after each step; beside them are the
# output of each step and the lines that they are made of. Needs CUDA, CMake and Python; neither
# TensorFlow nor a network. A framework that is missing is named; a step that fails, too, and the
# others go on.
#
# PYTHON is the Python that has JAX and PyTorch (python3), BLOCKHESS_GPU_BUILD a folder to build in
# and to keep (a temporary one), BLOCKHESS_MEASURE_SECONDS when all must have ended (470).
#
# Exit code: 0 all done, 1 a step failed or had no time, 2 no GPU, or OUT is not empty.
set -uo pipefail

if [ $# -ne 1 ]; then
  echo "usage: bench/gpu/measure.sh OUT" >&2
  exit 2
fi
out=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
end=$((SECONDS + ${BLOCKHESS_MEASURE_SECONDS:-470}))

gpu=${CUDA_VISIBLE_DEVICES-0}
gpu=${gpu%%,*}
if [ -z "$gpu" ]; then
  echo "there is no GPU here: CUDA_VISIBLE_DEVICES names none" >&2
  exit 2
fi
fields=name,driver_version,compute_cap,memory.total
if ! card=$(timeout 20 nvidia-smi -i "$gpu" --query-gpu="$fields" --format=csv,noheader 2>&1); then
  echo "there is no GPU here: ${card:-nvidia-smi fails}" >&2
  exit 2
fi
IFS=, read -r name driver capability memory <<< "${card//, /,}"
if [[ ! $capability =~ ^[0-9]+\.[0-9]+$ ]]; then
  echo "there is no GPU here that nvidia-smi knows: $card" >&2
  exit 2
fi
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 2
if [ -n "$(ls -A "$out")" ]; then
  echo "$out is not empty" >&2
  exit 2
fi
export CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=$gpu
export BLOCKHESS_CUDA_ARCHS=sm_${capability/./}
export PATH=$PATH:${CUDACXX:+$(dirname "${CUDACXX:-}"):}/usr/local/cuda/bin
export PYTHONDONTWRITEBYTECODE=1

if [ -n "${BLOCKHESS_GPU_BUILD:-}" ]; then
  build=$BLOCKHESS_GPU_BUILD
else
  build=$(mktemp -d) || exit 1
  trap 'rm -rf "$build"' EXIT
fi
program=$build/blockhess_gpu
failures=0

# note NAME STATUS SECONDS LIMIT
note() {
  printf '%s\t%s\t%s\t%s\n' "$@" >> "$out/steps.tsv"
}

collect() {
  "$python" "$here/collect.py" "$out" || failures=1
}

# A limit of so many seconds, or what is left of all; timeout needs some to end what does not.
allowed() {
  local left=$((end - SECONDS - 6))
  echo $((left < $1 ? left : $1))
}

# step NAME LIMIT COMMAND...
step() {
  local step=$1 limit began=$SECONDS code status="done"
  limit=$(allowed "$2")
  shift 2
  if [ "$limit" -lt 1 ]; then
    leave_out "$step" "no time"
    return 1
  fi
  echo "$step ..."
  timeout --kill-after=5 "$limit" "$@" > "$out/$step.log" 2>&1 < /dev/null
  code=$?
  case $code in
    0) ;;
    3) status="missing" ;;
    124 | 137) status="stopped after $limit s" ;;
    *) status="failed: exit code $code" ;;
  esac
  if [ "$code" -ne 0 ]; then
    echo "$step: $status"
    tail -n 20 "$out/$step.log"
    if [ "$status" != missing ]; then failures=1; fi
  fi
  note "$step" "$status" $((SECONDS - began)) "$limit"
  collect  # What has been measured is there, whatever comes.
  return "$code"
}

leave_out() {
  echo "$1: left out: $2"
  failures=1
  note "$1" "left out: $2" 0 0
}

# What blockhess_gpu does; one of an earlier build is not meant.
program_step() {
  if [ "$built" = yes ]; then
    step "$@"
  else
    leave_out "$1" "not built"
  fi
}

sanitized() {
  local tool=$1
  shift
  program_step "$tool" 45 compute-sanitizer --error-exitcode 9 --tool "$tool" "$@"
}

# A peer that has seconds left when it is asked to start nothing more ends by itself.
peer() {
  local seconds
  seconds=$(($(allowed "$2") - 30))
  step "$1" "$2" "$python" "$here/peers.py" "$1" --seconds "$seconds" --json "$out/peers.jsonl"
}

{
  printf 'card\t%s\ndriver\t%s\ncompute capability\t%s\n' "$name" "$driver" "$capability"
  printf 'memory\t%s\n' "$memory"
  printf 'CUDA\t%s\n' "$("${CUDACXX:-nvcc}" --version 2>&1 | sed -n 's/.*, V//p')"
  printf 'date\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
} > "$out/machine.tsv"
echo "$name, driver $driver, compute capability $capability"

generator=()
if command -v ninja > /dev/null && [ ! -e "$build/CMakeCache.txt" ]; then generator=(-G Ninja); fi
step configure 40 cmake -S "$here" -B "$build" "${generator[@]}"
built=no
step build 200 cmake --build "$build" --parallel "$(nproc)" && built=yes
program_step check 60 "$program" check --json "$out/check.jsonl"
program_step timings 60 "$program" time --json "$out/timings.jsonl"
sanitized memcheck --leak-check full "$program" check short
sanitized racecheck "$program" check short
sanitized initcheck "$program" check short uninitialized
peer jax 110
peer torch 180

collect
cat "$out/measure.txt"
exit "$failures"
