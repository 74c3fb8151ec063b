// Signatures against values that were made with Python's hmac, by the receivers' own recipes; answers that mean no.
#include "notify_helper/webhook.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

namespace {

const auto now = std::chrono::system_clock::from_time_t(1599360473) + std::chrono::milliseconds(123);

WebhookJob job(const std::string& signature) {
  WebhookJob hook;
  hook.url = "https://h/send?access_token=abc";
  hook.body = R"({"msgtype":"text","text":{"content":"a"}})";
  hook.signature = signature;
  hook.secret = "this is secret";
  hook.signature_header = "X-Hub-Signature-256";
  return hook;
}

std::string verdict(long status, const std::string& body) {
  const Status status_of = judge_answer(status, body);
  return status_of ? "" : status_of.error().text;
}

}  // namespace

TEST_CASE("DingTalk: in the query") {
  const auto request = sign(job("dingtalk"), now);
  REQUIRE(request);
  CHECK(request->url ==
        "https://h/send?access_token=abc&timestamp=1599360473123&sign=0eVlIU0GooHVuIBX6FZ86JNxxfy4qwhOlP5JU2uHmq4%3D");
  CHECK(request->body == job("").body);
  WebhookJob bare = job("dingtalk");
  bare.url = "https://h/send";
  CHECK(sign(bare, now)->url.starts_with("https://h/send?timestamp=1599360473123&sign="));
}

TEST_CASE("Feishu: in the body") {
  const auto request = sign(job("feishu"), now);
  REQUIRE(request);
  CHECK(
      request->body ==
      R"({"msgtype":"text","text":{"content":"a"},"timestamp":"1599360473","sign":"/eYKrXQBzTjUZJ3s6NX16VxGbTwmK7AEs8/FnvC1CSw="})");
  WebhookJob list = job("feishu");
  list.body = "[]";
  CHECK_FALSE(sign(list, now));
}

TEST_CASE("GitHub: in a header") {
  // The example of GitHub's documentation.
  WebhookJob hook = job("hmac-sha256");
  hook.secret = "It's a Secret to Everybody";
  hook.body = "Hello, World!";
  const auto request = sign(hook, now);
  REQUIRE(request);
  CHECK(request->headers.back() ==
        std::pair<std::string, std::string>("X-Hub-Signature-256",
                                            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"));
}

TEST_CASE("without a signature nothing changes; one that nobody knows is an error") {
  CHECK(sign(job("none"), now)->url == job("").url);
  CHECK_FALSE(sign(job("rot13"), now));
}

TEST_CASE("any 2xx is good, unless the body says otherwise") {
  CHECK(verdict(200, "ok") == "");
  CHECK(verdict(204, "") == "");
  CHECK(verdict(200, R"({"errcode":0,"errmsg":"ok"})") == "");
  CHECK(verdict(200, R"({"code":0,"msg":"success"})") == "");
  CHECK(verdict(200, R"({"code":200,"message":"success"})") == "");
  CHECK(verdict(200, R"(["errcode"])") == "");
  CHECK(verdict(200, R"({"errcode":310000,"errmsg":"sign not match"})") ==
        "the receiver refused it, errcode 310000: sign not match");
  CHECK(verdict(200, R"({"code":19021,"msg":"sign match fail"})") ==
        "the receiver refused it, code 19021: sign match fail");
  CHECK(verdict(302, "") == "the receiver answered with status 302, which sends elsewhere; write that other URL");
  CHECK(verdict(404, "no\nsuch page") == "the receiver answered with status 404: no such page");
  CHECK(verdict(0, "") == "the receiver answered with status 0");
}
