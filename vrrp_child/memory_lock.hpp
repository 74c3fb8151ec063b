// Keeps the pages of this process in memory: an advert must not wait for a disk.
#pragma once

namespace holdfast {

// All that there is and all that comes, where no limit stands against that (RLIMIT_MEMLOCK). Else the code and the data
// of the program and its libraries, as far as the limit reaches: what is locked may not keep memory from being had.
void lock_memory();

}  // namespace holdfast
