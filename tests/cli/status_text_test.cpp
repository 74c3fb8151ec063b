#include "cli/status_text.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <ctime>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

const Json status = Json::parse(R"({
 "node":"web-1","version":"0.1.0","started":"2026-11-22T11:30:00.123Z",
 "config":{"file":"/etc/holdfast/holdfast.yaml","loaded":"2026-11-22T11:40:00.000Z","error":null},
 "processes":[{"role":"parent","pid":1,"user":"root","capabilities":[],"restarts":0,"state":"running"},
              {"role":"vrrp","pid":12,"user":"holdfast-vrrp","restarts":1,"state":"running"},
              {"role":"checker","pid":0,"user":"holdfast-check","restarts":2,"state":"restarting"}],
 "instances":[
  {"name":"VI_1","state":"active","since":"2026-11-22T11:30:04.000Z","reason":"no active router was heard for 3.6 s",
   "interface":"ens33","vrid":66,"family":"ipv4","version":2,"priority":{"configured":100,"effective":102,"reason":"check nginx is up"},
   "peers":[],"virtual_mac":false,"sync_group":"web","leader":null,
   "advert_interval_ms":1000,"drained":false,"handing_over":false,
   "active_router":{"address":"192.168.16.128","priority":102},
   "addresses":[{"address":"192.168.16.130/32","interface":"ens33","present":true}],
   "tracks":[{"check":"nginx","status":"up","weight":2},{"interface":"eth1","status":"down","while_down":"demote"}],
   "statistics":{}},
  {"name":"VI_2","state":"backup","since":"2026-11-22T13:32:55.000Z","reason":"192.168.16.129 has the higher priority",
   "interface":"ens33","vrid":67,"family":"ipv4","version":3,"priority":{"configured":100,"effective":100},
   "advert_interval_ms":10,"peers":["192.168.16.128","192.168.16.127"],"virtual_mac":true,
   "sync_group":"web","leader":"VI_1","drained":true,"handing_over":true,"active_router":null,
   "addresses":[{"address":"192.168.16.131/24","interface":"ens33","present":false,
     "problem":"this host has it already, from somebody else"}],"tracks":[],"statistics":{}}],
 "checks":[{"name":"nginx","type":"process","status":"up","since":"2026-11-22T13:30:00.000Z",
   "detail":"process 4711 of /run/nginx.pid lives","restart":"restarting, attempt 1 of 3","runs":1,"failures":3,"restarts":1,"latency_ms":0.14},
  {"name":"page","type":"http","status":"unknown","since":"2026-11-22T13:30:00.000Z",
   "detail":"","runs":0,"failures":0,"restarts":0,"latency_ms":0}]})");

StatusTextOptions at_13_33(std::string instance = "", bool color = false) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  return {std::chrono::system_clock::from_time_t(1795354380), color, std::move(instance)};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the whole status at a glance") {
  CHECK(status_text(status, at_13_33()) ==
        R"(web-1: holdfastd 0.1.0, running for 2 h 3 min, since 2026-11-22 11:30:00 UTC
  config    /etc/holdfast/holdfast.yaml, in force for 1 h 53 min, since 2026-11-22 11:40:00 UTC
  process   parent runs as pid 1, user root
  process   vrrp runs as pid 12, user holdfast-vrrp, restarted 1 time
  process   checker is restarting, user holdfast-check, restarted 2 times

VI_1: ACTIVE for 2 h 2 min, since 2026-11-22 11:30:04 UTC
  why       no active router was heard for 3.6 s
  router    vrid 66 on ens33, VRRP version 2, IPv4, an advert every 1 s
  group     web, for which it decides
  priority  102, configured 100: check nginx is up
  active    192.168.16.128 (this host), priority 102
  address   192.168.16.130/32 on ens33 is here
  track     check nginx is up (weight 2)
  track     interface eth1 is down (while down: demote)

VI_2: BACKUP for 5 s, since 2026-11-22 13:32:55 UTC, handing over, drained
  why       192.168.16.129 has the higher priority
  drained   stays away until: holdfast resume VI_2
  router    vrid 67 on ens33, VRRP version 3, IPv4, an advert every 10 ms to 192.168.16.128, 192.168.16.127, virtual MAC
  group     web, goes where VI_1 goes
  priority  100
  active    no active router heard
  address   192.168.16.131/24 on ens33 is not here: this host has it already, from somebody else

check nginx: up for 3 min, since 2026-11-22 13:30:00 UTC
  why       process 4711 of /run/nginx.pid lives
  restart   restarting, attempt 1 of 3
  runs      type process, 1 run, 3 failures, 1 restart, the last run took 0.1 ms

check page: unknown for 3 min, since 2026-11-22 13:30:00 UTC
  runs      type http, 0 runs, 0 failures, the last run took 0.0 ms
)");
}

TEST_CASE("one instance comes with the checks it tracks") {
  const auto text = status_text(status, at_13_33("VI_1"));
  CHECK(text.starts_with("VI_1: ACTIVE"));
  CHECK(contains(text, "check nginx: up"));
  CHECK_FALSE(contains(text, "VI_2"));
  CHECK_FALSE(contains(text, "check page"));
  CHECK_FALSE(contains(status_text(status, at_13_33("VI_2")), "check nginx:"));
}

TEST_CASE("color shows what is wrong, and only where it is wanted") {
  const auto text = status_text(status, at_13_33("", true));
  CHECK(contains(text, "\033[1;32mACTIVE\033[0m"));
  CHECK(contains(text, "\033[1;31mis restarting\033[0m"));
  CHECK_FALSE(contains(status_text(status, at_13_33()), "\033"));
}

TEST_CASE("a reload that failed is shown") {
  Json changed = status;
  changed["config"]["error"] = "f.yaml:1:2: error: no";
  CHECK(contains(status_text(changed, at_13_33()),
                 "the file was not taken over at the last reload: f.yaml:1:2: error: no"));
}

TEST_CASE("what is wrong between us and another router is shown") {
  Json changed = status;
  changed["instances"][0]["conflicts"] = Json::parse(R"([{"kind":"password","address":"192.168.16.7",
    "since":"2026-11-22T13:32:00.000Z","last":"2026-11-22T13:33:00.000Z","count":61,"text":"dropping its adverts"}])");
  CHECK(contains(status_text(changed, at_13_33()),
                 "  conflict  dropping its adverts\n"
                 "            61 times, for 1 min, since 2026-11-22 13:32:00 UTC\n"));
}

TEST_CASE("notifications show only where something is wrong with them") {
  Json changed = status;
  changed["notifications"] = Json::parse(R"([
    {"name":"pager","type":"command","queued":0,"sent":3,"failed":0,"dropped":0,"last_error":null},
    {"name":"mail","type":"email","queued":2,"sent":1,"failed":4,"dropped":0,"last_error":"connection refused"},
    {"name":"hook","type":"webhook","queued":0,"sent":1,"failed":4,"dropped":7,"last_error":null}])");
  changed["instances"][0]["move"] = {{"state", "waiting"}, {"failed", 2}, {"last_error", "exited with status 1"}};
  const auto text = status_text(changed, at_13_33());
  CHECK(contains(text, "\ntarget mail: could not be told: connection refused; 2 waiting\n"));
  CHECK(contains(text, "\ntarget hook: is told again; 7 lost since the start\n"));
  CHECK_FALSE(contains(text, "pager"));
  CHECK(contains(text, "  move      waits for its next attempt; the last attempt failed: exited with status 1\n"));
}

TEST_CASE("nothing in the document steers the terminal") {
  Json changed = status;
  changed["checks"][0]["detail"] =
      "a\033[2J\r\nb\x7f"
      "c\xc2\x9b"
      "d\xc3\xa4";
  CHECK(contains(status_text(changed, at_13_33()), "  why       a?[2J??b?c?d\xc3\xa4\n"));
}

TEST_CASE("what is missing or of another type is no reason to fail") {
  for (
      const char* text :
      {"{}", "[]", "3", "null", R"({"instances":{"a":1},"checks":[3,null,{}],"processes":"x"})",
       R"({"instances":[{"name":3,"priority":[],"tracks":[[]],"peers":[1],"conflicts":[7],"addresses":[1],"since":"soon"}]})"}) {
    CAPTURE(text);
    CHECK_NOTHROW(status_text(Json::parse(text), at_13_33()));
    CHECK_NOTHROW(instance_names(Json::parse(text)));
  }
}

TEST_CASE("the names of the instances") { CHECK(instance_names(status) == std::vector<std::string>{"VI_1", "VI_2"}); }

TEST_CASE("spans have at most two units") {
  CHECK(span_text(0s) == "0 s");
  CHECK(span_text(-5s) == "0 s");
  CHECK(span_text(59s) == "59 s");
  CHECK(span_text(60s) == "1 min");
  CHECK(span_text(63s) == "1 min 3 s");
  CHECK(span_text(2h) == "2 h");
  CHECK(span_text(2h + 59s) == "2 h");
  CHECK(span_text(50h + 59min) == "2 d 2 h");
}
