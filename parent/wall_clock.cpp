#include "parent/wall_clock.hpp"

#include <fmt/format.h>

#include <ctime>

namespace holdfast {

std::string iso_time(WallTime time) {
  using namespace std::chrono;
  const auto ms = floor<milliseconds>(time.time_since_epoch());
  const auto whole = floor<seconds>(ms);
  const std::time_t seconds_since_epoch = whole.count();
  std::tm utc{};
  gmtime_r(&seconds_since_epoch, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, (ms - whole).count());
}

}  // namespace holdfast
