#pragma once

namespace blockhess::bench {

// Compares every case, layout and a range of sizes with the CPU backend, says what differs, and
// returns how many results do.
int check();

}  // namespace blockhess::bench
