// The `password` of an instance, or the `password_file` that holds it.
#pragma once

#include "common/config/map_reader.hpp"
#include "common/router_config.hpp"

#include <optional>
#include <string>

namespace holdfast {

// version: nothing after an error, then it is not judged.
std::optional<std::string> read_password(Problems& problems, MapReader& instance, std::optional<VrrpVersion> version,
                                         IpFamily family);

}  // namespace holdfast
