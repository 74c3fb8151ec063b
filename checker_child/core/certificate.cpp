#include "checker_child/core/certificate.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 12> month_names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// The number that fills `text`, blanks before it allowed.
std::optional<int> number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string two_digits(unsigned value) { return (value < 10 ? "0" : "") + std::to_string(value); }

std::string date_text(sys_seconds time) {
  const year_month_day date(floor<days>(time));
  return std::to_string(static_cast<int>(date.year())) + "-" + two_digits(static_cast<unsigned>(date.month())) + "-" +
         two_digits(static_cast<unsigned>(date.day()));
}

std::string counted(std::int64_t count, const char* unit) {
  return std::to_string(count) + " " + unit + (count == 1 ? "" : "s");
}

}  // namespace

std::optional<sys_seconds> parse_certificate_time(std::string_view text) {
  constexpr std::string_view form = "Mmm dd hh:mm:ss yyyy GMT";
  if (text.size() != form.size() || !text.ends_with(" GMT") || text[9] != ':' || text[12] != ':') return std::nullopt;
  const auto name = std::find(month_names.begin(), month_names.end(), text.substr(0, 3));
  const auto day_number = number(text.substr(3, 3));
  const auto hour = number(text.substr(6, 3));
  const auto minute = number(text.substr(10, 2));
  const auto second = number(text.substr(13, 2));
  const auto year_number = number(text.substr(15, 5));
  if (name == month_names.end() || !day_number || !hour || !minute || !second || !year_number) return std::nullopt;
  const year_month_day date(year(*year_number), month(static_cast<unsigned>(name - month_names.begin()) + 1),
                            day(static_cast<unsigned>(*day_number)));
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return sys_days(date) + hours(*hour) + minutes(*minute) + seconds(*second);
}

std::string expiry_remark(sys_seconds expires, sys_seconds now, Duration warning) {
  const auto left = expires - now;
  if (left > warning) return "";
  if (left < seconds(0)) return "its certificate expired on " + date_text(expires);
  const std::string in = left >= days(2)    ? counted(left / days(1), "day")
                         : left >= hours(1) ? counted(left / hours(1), "hour")
                                            : counted(left / minutes(1), "minute");
  return "its certificate expires in " + in + ", on " + date_text(expires);
}

}  // namespace holdfast
