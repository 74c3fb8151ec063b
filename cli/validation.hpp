// What `holdfast validate` says about a file that was read for one node or several. Pure.
#pragma once

#include "cli/host.hpp"
#include "common/config/load.hpp"

#include <string>
#include <vector>

namespace holdfast {

struct Validation {
  bool valid = false;                 // for every node
  std::vector<std::string> problems;  // each once; one that only some nodes have names them
  std::vector<std::string> summary;   // "FILE: valid: 1 instance, 2 checks for node web-1"
};

// `nodes` and `loaded` go together; an empty node name stands for the one that the file or the host gives.
Validation sum_up(const std::string& file, const std::vector<std::string>& nodes,
                  const std::vector<LoadedConfig>& loaded);

// What a valid configuration can't do on this host: interfaces that don't exist, virtual addresses that the host has
// as its own. Lines "FILE: warning: ...".
std::vector<std::string> host_warnings(const std::string& file, const Config& config, const Host& host);

}  // namespace holdfast
