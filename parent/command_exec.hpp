// From a process of ours to the command: clean environment, the user it runs as, the search for its program. And the
// command as bytes, for the process that becomes it where that is not forked from us (command_main.cpp).
#pragma once

#include "common/fd.hpp"
#include "common/result.hpp"
#include "parent/command.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace holdfast {

// In the new process, as root: the command's outputs go to `output`, it reads from `input`, or nothing where that is
// -1. Returns only with the reason why it did not become the command.
std::string become_command(const Command& command, int output, int input);

// Who runs what: argv, account and environment.
std::vector<std::uint8_t> encode_command(const Command& command);
Result<Command> decode_command(std::span<const std::uint8_t> bytes);

// A file without a name that holds these bytes, to be read from its beginning.
Result<Fd> file_with(std::span<const std::uint8_t> bytes);

}  // namespace holdfast
