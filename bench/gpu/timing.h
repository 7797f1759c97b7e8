#pragma once

namespace blockhess::bench {

// Times forward and backward passes against a device memset and a device copy of the same bytes.
void time_all();

}  // namespace blockhess::bench
