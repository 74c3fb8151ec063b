#include "common/checker_rights.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

namespace {

CheckerRights rights_of(Probe probe) {
  CheckSpec check;
  check.probe = std::move(probe);
  return rights_needed({check});
}

}  // namespace

TEST_CASE("a checker without checks needs nothing, nor does one of scripts and files") {
  CHECK(rights_needed({}) == CheckerRights{});
  CHECK(rights_of(ScriptProbe{}) == CheckerRights{});
  CHECK(rights_of(FileProbe{.path = "/etc/maintenance"}) == CheckerRights{});
}

TEST_CASE("each check adds what it reads and where it connects") {
  CHECK(rights_of(ProcessProbe{.pid_file = "", .name = "nginx"}) == CheckerRights{.processes = true});
  CHECK(rights_of(ProcessProbe{.pid_file = "/run/nginx.pid", .name = ""}) ==
        CheckerRights{.processes = true, .readable = {"/run/"}});
  CHECK(rights_of(TcpProbe{.host = "::1", .port = 1, .send = "", .expect = ""}) == CheckerRights{.network = true});
  CHECK(rights_of(HttpProbe{.url = "https://x/", .tls_ca = "/etc/own/ca.pem"}) ==
        CheckerRights{.network = true, .readable = {"/etc/own/ca.pem"}});
  CHECK(rights_of(HttpProbe{.url = "http://x/", .unix_socket = "/run/app.sock"}) ==
        CheckerRights{.network = true, .unix_sockets = true});
  CHECK(rights_of(NginxProbe{}) == CheckerRights{.processes = true, .network = true, .readable = {"/run/"}});
}

TEST_CASE("rights cover those that ask for no more") {
  const CheckerRights all{.processes = true, .network = true, .unix_sockets = true, .readable = {"/a/", "/b/"}};
  CHECK(all.cover({}));
  CHECK(all.cover(all));
  CHECK(all.cover({.readable = {"/b/"}}));
  CHECK_FALSE(all.cover({.readable = {"/c/"}}));
  CHECK_FALSE(CheckerRights{.network = true}.cover({.processes = true}));
  CHECK_FALSE(CheckerRights{.processes = true}.cover({.network = true}));
  CHECK_FALSE(CheckerRights{.network = true}.cover({.network = true, .unix_sockets = true}));
}
