#include "checker_child/core/certificate.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono;

namespace {

sys_seconds at(int y, unsigned m, unsigned d, hours h = hours(0), minutes min = minutes(0), seconds s = seconds(0)) {
  return sys_days(year(y) / month(m) / day(d)) + h + min + s;
}

}  // namespace

TEST_CASE("a certificate's end, as OpenSSL writes it") {
  CHECK(parse_certificate_time("Nov 24 09:08:07 2026 GMT") == at(2026, 11, 24, hours(9), minutes(8), seconds(7)));
  CHECK(parse_certificate_time("Jan  4 00:00:00 2040 GMT") == at(2040, 1, 4));
  for (const char* text : {"", "Nov 24 09:08:07 2026", "Nov 24 09:08:07 2026 CET", "Nox 24 09:08:07 2026 GMT",
                           "Nov 31 09:08:07 2026 GMT", "Nov 24 24:08:07 2026 GMT", "Nov 24 09:61:07 2026 GMT",
                           "Nov 24 09-08:07 2026 GMT", "Nov xx 09:08:07 2026 GMT", "Nov 24 09:08:07 20x6 GMT",
                           "Nov -4 09:08:07 2026 GMT", "Bad time value"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_certificate_time(text));
  }
}

TEST_CASE("what is said of a certificate that ends soon") {
  const auto end = at(2026, 11, 29, hours(12));
  const Duration warning = hours(14 * 24);
  CHECK(expiry_remark(end, at(2026, 11, 15), warning).empty());
  CHECK(expiry_remark(end, at(2026, 11, 15, hours(12)), warning) ==
        "its certificate expires in 14 days, on 2026-11-29");
  CHECK(expiry_remark(end, at(2026, 11, 28), warning) == "its certificate expires in 36 hours, on 2026-11-29");
  CHECK(expiry_remark(end, end - hours(1), warning) == "its certificate expires in 1 hour, on 2026-11-29");
  CHECK(expiry_remark(end, end - minutes(5), warning) == "its certificate expires in 5 minutes, on 2026-11-29");
  CHECK(expiry_remark(at(2026, 1, 2), end, warning) == "its certificate expired on 2026-01-02");
}
