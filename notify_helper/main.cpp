// holdfast-notify: sends one mail or calls one webhook, and ends. The job comes on stdin, secrets included; how it went
// is one line of JSON on stdout and the exit status. Started by holdfastd, as a user of its own without any privilege.
#include "common/privileges.hpp"
#include "common/sandbox.hpp"
#include "notify_helper/delivery.hpp"
#include "notify_helper/job.hpp"

#include <unistd.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

using namespace holdfast;

namespace {

constexpr std::size_t largest_job = 4u << 20;

std::string read_all() {
  std::string text;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t size = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size <= 0 || text.size() > largest_job) return text;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

int say(bool ok, const std::string& text) {
  const nlohmann::json answer{{"ok", ok}, {"text", text}};
  std::puts(answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main() try {
  if (const Status verified = verify_privileges({}); !verified) return say(false, verified.error().text);
  forbid_core_dumps();
  if (const Status confined = confine_notifier(); !confined) return say(false, confined.error().text);
  const auto job = parse_job(read_all());
  if (!job) return say(false, job.error().text);
  const auto delivered = deliver(*job);
  return delivered ? say(true, *delivered) : say(false, delivered.error().text);
} catch (const std::exception& failure) {
  return say(false, std::string("internal error: ") + failure.what());
}
