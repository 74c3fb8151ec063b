// Asks the daemon over its control socket: one line of JSON there, one JSON document back, end of file.
#pragma once

#include "cli/command.hpp"
#include "common/result.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

namespace holdfast {

using Json = nlohmann::ordered_json;  // keeps the daemon's order of keys

// Why there is no answer, or the daemon's refusal: a line each for a person, and the exit code that says it.
struct ControlFailure {
  ExitCode exit_code = exit_failed;
  std::vector<std::string> lines;
  bool refused = false;    // the daemon itself said no
  bool timed_out = false;  // it was asked, and may still do it
};

// The answer to `request`, an object with "ok": true. A daemon that takes longer than `patience` has failed.
Result<Json, ControlFailure> ask_daemon(const std::string& runtime_dir, const Json& request,
                                        std::chrono::milliseconds patience = std::chrono::seconds(10));

// Writes the lines that the answer has under `key`, and gives their number.
std::size_t print_lines(const Json& answer, const char* key, std::ostream& out);

// Writes the failure to stderr and gives its exit code.
int report(const ControlFailure& failure);

}  // namespace holdfast
