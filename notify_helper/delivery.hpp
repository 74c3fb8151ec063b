// The job's way over the network, by libcurl: no proxies, no other protocols, certificates verified, all within the
// job's time.
#pragma once

#include "common/result.hpp"
#include "notify_helper/job.hpp"

#include <string>

namespace holdfast {

// Gives a remark about a mail that not everybody got, else "". The error is a sentence with the mend.
Result<std::string> deliver(const Job& job);

}  // namespace holdfast
