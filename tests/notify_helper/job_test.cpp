#include "notify_helper/job.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

TEST_CASE("a job that is none is an error, not a crash") {
  for (const char* text : {"", "x", "[]", "{}", "3", R"({"timeout_ms":1,"type":"fax"})",
                           R"({"timeout_ms":"1","type":"email"})", R"({"timeout_ms":1,"type":"email","server":3})"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_job(text));
  }
}

TEST_CASE("a webhook's job") {
  const auto job = parse_job(
      R"({"timeout_ms":1500,"type":"webhook","url":"u","body":"b","headers":[["X-A","1"]],"signature":"none","secret":"",)"
      R"("signature_header":"","ca":""})");
  REQUIRE(job);
  CHECK(job->timeout == std::chrono::milliseconds(1500));
  CHECK(std::get<WebhookJob>(job->what).headers.at(0).first == "X-A");
}
