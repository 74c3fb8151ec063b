// The http probe against a tiny server.
#include "checker_child/probes/http_probe.hpp"

#include "tests/checker_child/support.hpp"

#include <atomic>
#include <mutex>

using namespace holdfast;
using namespace holdfast::test;

namespace {

struct Bench {
  EventLoop loop;
  HttpClient client{loop};
  Recorder recorder;

  ProbeResult probe(const HttpProbe& what) {
    HttpProbeRunner runner(client, what, recorder.sink());
    return run_once(loop, runner, recorder);
  }
};

std::string response(const std::string& status, const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more +
         "Connection: close\r\n\r\n" + body;
}

// Answers with what the path says: /503 gives 503, and so on. Remembers the last request.
struct Site {
  std::mutex mutex;
  std::string request;
  std::atomic<int> connections = 0;
  Server server{[this](int connection) {
    ++connections;
    const std::string text = read_until(connection, "\r\n\r\n");
    {
      const std::lock_guard lock(mutex);
      request = text;
    }
    const std::string path = text.size() > 4 ? text.substr(4, text.find(' ', 4) - 4) : "/closed";
    if (path == "/garbage") {
      write_all(connection, "\x16\x03garbage\r\n\r\n");
    } else if (path == "/closed") {
    } else if (path == "/silent") {
      wait_for_close(connection);
    } else if (path == "/moved") {
      write_all(connection, response("302 Found", "", "Location: /200\r\n"));
    } else if (path == "/endless") {
      write_all(connection, "HTTP/1.1 200 OK\r\n\r\n");
      while (write_all(connection, std::string(4096, 'x'))) {
      }
    } else if (path == "/slow") {
      write_all(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nWelcome");
      wait_for_close(connection);
    } else if (path == "/headers") {
      write_all(connection, "HTTP/1.1 200 OK\r\n");
      while (write_all(connection, "X-Number: 4711\r\n")) {
      }
    } else if (path == "/continue") {
      while (write_all(connection, "HTTP/1.1 100 Continue\r\n\r\n")) {
      }
    } else if (path == "/short") {
      write_all(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbut this is all");
    } else {
      write_all(connection, response(path.substr(1) + " Whatever", "Welcome to nginx!\n"));
    }
  }};

  HttpProbe at(const std::string& path) const {
    HttpProbe probe;
    probe.url = "http://" + server.text() + path;
    return probe;
  }
  std::string last_request() {
    const std::lock_guard lock(mutex);
    return request;
  }
};

}  // namespace

TEST_CASE("http: the status decides") {
  Bench bench;
  Site site;
  CHECK(bench.probe(site.at("/200")).good);
  CHECK(bench.probe(site.at("/200")).detail == "answered 200");
  CHECK(bench.probe(site.at("/399")).good);
  const auto refused = bench.probe(site.at("/503"));
  CHECK_FALSE(refused.good);
  CHECK(refused.detail == "answered 503, wanted 200-399");
  HttpProbe probe = site.at("/204");
  probe.status = {{200, 200}, {404, 410}};
  CHECK(bench.probe(probe).detail == "answered 204, wanted 200, 404-410");
  probe.url = site.at("/404").url;
  CHECK(bench.probe(probe).good);
  CHECK(site.connections == 6);  // a fresh one each time
}

TEST_CASE("http: the request") {
  Bench bench;
  Site site;
  SECTION("of its own") {
    bench.probe(site.at("/200"));
    const auto request = site.last_request();
    CHECK(request.find("GET /200 HTTP/1.1\r\n") == 0);
    CHECK(request.find("\r\nHost: " + site.server.text() + "\r\n") != std::string::npos);
    CHECK(request.find("\r\nUser-Agent: holdfast-checker/") != std::string::npos);
  }
  SECTION("for another host, still sent where the URL points") {
    HttpProbe probe = site.at("/200");
    probe.host = "www.example.org";
    CHECK(bench.probe(probe).good);
    CHECK(site.last_request().find("\r\nHost: www.example.org\r\n") != std::string::npos);
  }
  SECTION("for another host with a port") {
    HttpProbe probe = site.at("/200");
    probe.host = "www.example.org:8443";
    CHECK(bench.probe(probe).good);
    CHECK(site.last_request().find("\r\nHost: www.example.org:8443\r\n") != std::string::npos);
  }
}

TEST_CASE("http: redirections are not followed") {
  Bench bench;
  Site site;
  HttpProbe probe = site.at("/moved");
  CHECK(bench.probe(probe).detail == "answered 302");
  probe.status = {{200, 299}};
  CHECK(bench.probe(probe).detail == "answered 302, wanted 200-299");
  CHECK(site.connections == 2);
}

TEST_CASE("http: the proxy variables of the environment are ignored") {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  Bench bench;
  Site site;
  const bool good = bench.probe(site.at("/200")).good;
  unsetenv("http_proxy");
  CHECK(good);
}

TEST_CASE("http: the body is compared") {
  Bench bench;
  Site site;
  HttpProbe probe = site.at("/200");
  probe.body = "Welcome.*nginx";
  CHECK(bench.probe(probe).good);
  probe.body = "^nginx";
  const auto result = bench.probe(probe);
  CHECK_FALSE(result.good);
  CHECK(result.detail == "answered 200, but there is no '^nginx' in the first 16 KiB of the body");
  probe.body = "(";
  CHECK(bench.probe(probe).detail.find("the expression '(' cannot be used: ") == 0);
}

TEST_CASE("http: what is no good answer") {
  Bench bench;
  Site site;
  const auto path = GENERATE(as<std::string>{}, "/garbage", "/closed", "/short");
  CAPTURE(path);
  const auto result = bench.probe(site.at(path));
  CHECK_FALSE(result.good);
  CHECK_FALSE(result.detail.empty());
  CHECK(result.detail.find("answered") == std::string::npos);
  if (path == "/garbage") CHECK(result.detail == site.server.text() + " does not answer with HTTP");
  if (path == "/closed") CHECK(result.detail == site.server.text() + " closed the connection without an answer");
}

TEST_CASE("http: a refused connection") {
  Bench bench;
  Site site;
  site.server.stop();
  const auto result = bench.probe(site.at("/200"));
  CHECK_FALSE(result.good);
  CHECK(result.detail == "connect to " + site.server.text() + ": Connection refused");
}

TEST_CASE("http: an answer must end, however well it began") {
  Bench bench;
  Site site;
  HttpProbe probe = site.at("/endless");
  probe.body = "xxx";
  auto result = bench.probe(probe);
  CHECK_FALSE(result.good);
  CHECK(result.detail == "the page is longer than 1 MiB, too long for a check; ask for a smaller one");
  for (const char* path : {"/headers", "/continue"}) {
    CAPTURE(path);
    result = bench.probe(site.at(path));
    CHECK_FALSE(result.good);
    CHECK(result.detail == "the headers are longer than 64 KiB");
  }
}

TEST_CASE("http: an answer that stops in the middle, given up by the check") {
  Bench bench;
  Site site;
  HttpProbeRunner runner(bench.client, site.at("/slow"), bench.recorder.sink());
  runner.start(1);
  const std::string waiting = "GET " + site.at("/slow").url + ", whose answer has not ended after ";
  CHECK(run_until(bench.loop, [&] { return runner.waiting_for().find(waiting) == 0; }));
  CHECK(bench.recorder.finished.empty());
  runner.cancel();
}

TEST_CASE("http: a connection that is not accepted, given up by the check") {
  Bench bench;
  HttpProbe probe;
  probe.url = "http://192.0.2.1/";  // nobody is there
  HttpProbeRunner runner(bench.client, probe, bench.recorder.sink());
  runner.start(1);
  run_until(
      bench.loop, [] { return false; }, 20ms);
  if (bench.recorder.finished.empty()) CHECK(runner.waiting_for() == "connecting to 192.0.2.1:80");
  runner.cancel();
}

TEST_CASE("http: over a unix socket") {
  Bench bench;
  TempFolder folder;
  HttpProbe probe;
  probe.url = "http://app.example.net/health";
  probe.unix_socket = folder.file("app.sock");
  CHECK(bench.probe(probe).detail == "connect to " + probe.unix_socket + ": No such file or directory");
  Server server(probe.unix_socket, [](int connection) {
    const auto request = read_until(connection, "\r\n\r\n");
    const bool right = request.find("GET /health ") == 0 && request.find("Host: app.example.net\r\n") != std::string::npos;
    write_all(connection, response(right ? "200 OK" : "400 No", ""));
  });
  CHECK(bench.probe(probe).detail == "answered 200");
  probe.url = "http://127.0.0.1/health";
  probe.host = "app.example.net";
  CHECK(bench.probe(probe).detail == "answered 200");
}

TEST_CASE("http: the PROXY line comes first") {
  Bench bench;
  std::string first_line;
  Server server([&](int connection) {
    first_line = read_until(connection, "\r\n");
    read_until(connection, "\r\n\r\n");
    write_all(connection, response("200 OK", ""));
  });
  HttpProbe probe;
  probe.url = "http://" + server.text() + "/";
  probe.proxy_protocol = true;
  CHECK(bench.probe(probe).good);
  server.stop();
  CHECK(first_line.find("PROXY TCP4 127.0.0.1 127.0.0.1 ") == 0);
}

TEST_CASE("http: HTTP/2 or nothing") {
  Bench bench;
  Site site;
  HttpProbe probe = site.at("/200");
  probe.http2 = true;
  const auto result = bench.probe(probe);
  CHECK_FALSE(result.good);
  CHECK_FALSE(result.detail.empty());
  CHECK(site.last_request().find("PRI * HTTP/2.0\r\n") == 0);
}

TEST_CASE("http: a file of authorities that cannot be read") {
  Bench bench;
  Site site;
  HttpProbe probe;
  probe.url = "https://" + site.server.text() + "/";
  probe.tls_ca = "/no/such/file";
  const auto result = bench.probe(probe);
  CHECK_FALSE(result.good);
  CHECK(result.detail.find("/no/such/file") != std::string::npos);
}

TEST_CASE("http: no answer, given up by the check") {
  Bench bench;
  Site site;
  HttpProbeRunner runner(bench.client, site.at("/silent"), bench.recorder.sink());
  runner.start(1);
  CHECK(run_until(bench.loop, [&] { return runner.waiting_for() == "GET " + site.at("/silent").url; }));
  REQUIRE(run_until(bench.loop, [&] { return site.connections == 1; }));
  runner.cancel();
  CHECK_FALSE(run_until(
      bench.loop, [&] { return !bench.recorder.finished.empty(); }, 50ms));
  runner.start(2);
  REQUIRE(run_until(bench.loop, [&] { return site.connections == 2; }));
  runner.cancel();
}

TEST_CASE("http: many at once, with some given up in between") {
  Bench bench;
  Site site;
  std::vector<std::unique_ptr<HttpProbeRunner>> runners;
  for (std::uint64_t i = 0; i < 40; ++i) {
    runners.push_back(std::make_unique<HttpProbeRunner>(bench.client, site.at("/200"), bench.recorder.sink()));
    runners.back()->start(i);
  }
  for (std::size_t i = 0; i < runners.size(); i += 2) runners[i].reset();
  REQUIRE(run_until(bench.loop, [&] { return bench.recorder.finished.size() == 20; }));
  for (const auto& [run, result] : bench.recorder.finished) {
    CHECK(run % 2 == 1);
    CHECK(result.good);
  }
}

TEST_CASE("http: a URL that cannot be used") {
  Bench bench;
  HttpProbe probe;
  probe.url = "http://";
  CHECK(bench.probe(probe).detail.find("the URL 'http://' cannot be used: ") == 0);
  probe.url = "file:///etc/passwd";
  const auto result = bench.probe(probe);
  CHECK_FALSE(result.good);
  CHECK(result.detail.find("rotocol") != std::string::npos);
}

TEST_CASE("http: TLS to what speaks none") {
  Bench bench;
  Server server([](int connection) { write_all(connection, "220 no TLS here\r\n"); });
  HttpProbe probe;
  probe.url = "https://" + server.text() + "/";
  const auto result = bench.probe(probe);
  CHECK_FALSE(result.good);
  CHECK(result.detail.find("TLS with " + server.text() + ": ") == 0);
  CHECK(result.detail.find("(does it speak TLS?)") != std::string::npos);
}
