#pragma once

namespace blockhess::bench {

// Compares every case, layout, type and instruction with the CPU backend in a range of sizes, says
// what differs, and returns how many results do. In short: every case, layout and instruction in
// few and small sizes and two types, for tools that make a kernel a hundred times slower.
int check(bool in_short);

}  // namespace blockhess::bench
