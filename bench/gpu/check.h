#pragma once

namespace blockhess::bench {

// Compares every case, layout, type and instruction with the CPU backend in a range of sizes, says
// what differs, and returns how many results do.
int check();

}  // namespace blockhess::bench
