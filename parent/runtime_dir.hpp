// The folder of one daemon under /run: who holds its lock is the daemon of that folder.
#pragma once

#include "common/fd.hpp"
#include "common/result.hpp"

#include <string>

namespace holdfast {

// Makes the folder (0755) where it is missing and takes its lock, which lives as long as the result. Fails
// when another daemon has it, and says which.
Result<Fd> claim_runtime_dir(const std::string& path);

// Makes a folder that only root may enter, where it is missing; for the state that survives restarts.
Status make_state_dir(const std::string& path);

}  // namespace holdfast
