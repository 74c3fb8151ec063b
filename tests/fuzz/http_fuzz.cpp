// Any bytes as a server's answer to the http probe, through libcurl: the run ends with a result that says why, and only
// what begins like HTTP can be good.
#include "checker_child/probes/http_probe.hpp"

#include "common/fd.hpp"

#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

using namespace holdfast;

namespace {

constexpr int most_turns = 100'000;  // of the loop

struct Site {
  EventLoop loop;
  HttpClient client{loop};
  std::string folder = "/tmp/holdfast-fuzz-XXXXXX";
  Fd listener{socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};

  Site() {
    if (!mkdtemp(folder.data())) std::abort();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::abort();
    if (listen(listener.get(), 1) != 0) std::abort();
  }
  ~Site() { std::filesystem::remove_all(folder); }
  std::string path() const { return folder + "/site"; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Site site;
  if (size < 1) return 0;
  HttpProbe probe;
  probe.url = "http://example.net/";
  probe.unix_socket = site.path();
  if (data[0] & 1) probe.body = "^Welcome.*nginx";
  if (data[0] & 2) probe.status = {{404, 404}, {500, 599}};
  probe.http2 = data[0] & 4;
  const std::size_t answer_size = size - 1;
  const char* answer = reinterpret_cast<const char*>(data) + 1;

  std::optional<ProbeResult> result;
  HttpProbeRunner runner(
      site.client, probe,
      {.finished = [&](std::uint64_t, const ProbeResult& ended) { result = ended; }, .event = {}, .look_now = {}});
  runner.start(1);
  Fd connection;
  std::size_t sent = 0;
  for (int turn = 0; !result; ++turn) {
    if (turn > most_turns) std::abort();
    if (!connection) connection = Fd(accept4(site.listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) {
      std::array<char, 65536> request;
      const ssize_t asked = recv(connection.get(), request.data(), request.size(), 0);
      if (asked > 0 || sent > 0) {
        const ssize_t taken = send(connection.get(), answer + sent, answer_size - sent, MSG_NOSIGNAL);
        if (taken > 0) sent += static_cast<std::size_t>(taken);
        if (sent == answer_size) shutdown(connection.get(), SHUT_WR);
      }
    }
    sd_event_run(site.loop.raw(), 1000);
  }
  if (result->detail.empty() || result->detail.size() > 4096) std::abort();
  const bool http = answer_size >= 5 && (strncasecmp(answer, "HTTP/", 5) == 0 || probe.http2);
  if (result->good && !http) std::abort();
  return 0;
}
