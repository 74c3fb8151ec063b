// The status document of the daemon as a text for people. Reads no clock and no terminal; the local time zone is
// that of the process.
#pragma once

#include "cli/control_client.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace holdfast {

struct StatusTextOptions {
  std::chrono::system_clock::time_point now;
  bool color = false;    // with the escape sequences of a terminal
  std::string instance;  // only this one and the checks it tracks; empty: everything
};

// What is missing from the document or of another type than expected is left out; control characters become `?`.
std::string status_text(const Json& status, const StatusTextOptions& options);

// The names of the instances in the document, in its order.
std::vector<std::string> instance_names(const Json& status);

// "2 h 3 min": the two largest units of a time span; nothing shorter than a second.
std::string span_text(std::chrono::seconds span);

}  // namespace holdfast
