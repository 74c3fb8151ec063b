#include "notify_helper/mail.hpp"

#include "notify_helper/encoding.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace holdfast {
namespace {

constexpr std::string_view end_of_line = "\r\n";
constexpr std::size_t longest_plain_line = 900;   // 998 is the limit (RFC 5322, 2.1.1)
constexpr std::size_t longest_encoded_line = 76;  // RFC 2045, 6.8
// A line with an encoded word has at most 76 characters (RFC 2047, 2), "Subject: " and its own frame included.
constexpr std::size_t bytes_per_word = 39;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// One line: nothing in it can begin another header.
std::string without_controls(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

std::string date(std::chrono::system_clock::time_point now) {
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64];
  std::snprintf(text, sizeof text, "%s, %d %s %d %02d:%02d:%02d +0000", days[utc.tm_wday], utc.tm_mday,
                months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return text;
}

// Lines that end in CRLF, the last one too.
std::string as_lines(std::string_view text) {
  std::string lines;
  for (const char c : text) {
    if (c == '\n')
      lines += end_of_line;
    else if (c != '\r')
      lines += c;
  }
  if (!lines.ends_with(end_of_line)) lines += end_of_line;
  return lines;
}

bool fits_as_it_is(std::string_view lines) {
  if (!is_ascii(lines) || lines.find('\0') != std::string_view::npos) return false;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find(end_of_line, at);
    if (end - at > longest_plain_line) return false;
    at = end + end_of_line.size();
  }
  return true;
}

std::string in_lines(std::string_view text, std::size_t length) {
  std::string lines;
  for (std::size_t at = 0; at < text.size(); at += length) {
    lines += text.substr(at, length);
    lines += end_of_line;
  }
  return lines;
}

}  // namespace

std::string header_text(std::string_view text) {
  const std::string line = without_controls(text);
  if (is_ascii(line) && line.size() <= longest_plain_line && line.find("=?") == std::string::npos) return line;
  std::string words;
  for (std::size_t at = 0; at < line.size();) {
    std::size_t size = std::min(bytes_per_word, line.size() - at);
    // A character is in one word (RFC 2047, 5).
    while (size > 1 && at + size < line.size() && continues_character(line[at + size])) --size;
    words += (words.empty() ? "" : "\r\n ") + ("=?UTF-8?B?" + base64(line.substr(at, size)) + "?=");
    at += size;
  }
  return words;
}

std::string compose_mail(const MailJob& job, std::chrono::system_clock::time_point now) {
  std::string mail;
  const auto add = [&](std::string_view name, const std::string& value) {
    mail += std::string(name) + ": " + value + std::string(end_of_line);
  };
  std::string to;
  for (const std::string& address : job.to) to += (to.empty() ? "" : ",\r\n ") + without_controls(address);
  add("Date", date(now));
  add("From", "Holdfast <" + without_controls(job.from) + ">");
  add("To", to);
  add("Subject", header_text(job.subject));
  add("Message-ID", without_controls(job.message_id));
  if (!job.in_reply_to.empty()) {
    add("In-Reply-To", without_controls(job.in_reply_to));
    add("References", without_controls(job.in_reply_to));
  }
  add("Auto-Submitted", "auto-generated");
  add("MIME-Version", "1.0");
  add("Content-Type", "text/plain; charset=utf-8");
  const std::string lines = as_lines(job.text);
  const bool plain = fits_as_it_is(lines);
  add("Content-Transfer-Encoding", plain ? "7bit" : "base64");
  return mail + std::string(end_of_line) + (plain ? lines : in_lines(base64(lines), longest_encoded_line));
}

}  // namespace holdfast
