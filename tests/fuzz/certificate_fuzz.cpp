// Any bytes as the end of a certificate's validity: a time that can be spoken of, or nothing.
#include "checker_child/core/certificate.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace std::chrono;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto expires = holdfast::parse_certificate_time(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!expires) return 0;
  const sys_seconds now = sys_days(2026y / November / 22d);
  const bool spoken_of = !holdfast::expiry_remark(*expires, now, hours(14 * 24)).empty();
  if (spoken_of != (*expires - now <= hours(14 * 24))) std::abort();
  return 0;
}
