// When a certificate ends, and what to say of it. Pure.
#pragma once

#include "common/types.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// "Nov  4 09:08:07 2026 GMT", as OpenSSL writes it; nothing for anything else.
std::optional<std::chrono::sys_seconds> parse_certificate_time(std::string_view text);

// "its certificate expires in 5 days, on 2026-11-29"; empty where that is farther away than `warning`.
std::string expiry_remark(std::chrono::sys_seconds expires, std::chrono::sys_seconds now, Duration warning);

}  // namespace holdfast
