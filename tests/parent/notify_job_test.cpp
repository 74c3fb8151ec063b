// What holdfast-notify is given to do, and how its answer is judged.
#include "parent/notify_job.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace holdfast;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

Notification fault() {
  Notification notification;
  notification.serial = 7;
  notification.title = "VI_1 is in fault";
  notification.text = "VI_1: backup -> fault: no \"link\"";
  notification.status = Notification::Status::problem;
  notification.fields = {{"node", "web-1"}, {"instance", "VI_1"}};
  return notification;
}

CommandResult said(const std::string& output, bool exited_well) {
  CommandResult result;
  result.outcome = CommandResult::Outcome::exited;
  result.code = exited_well ? 0 : 1;
  result.output = output;
  result.text = "exited with status " + std::to_string(result.code);
  return result;
}

}  // namespace

TEST_CASE("a mail's job") {
  NotifyEmail email;
  email.to = {"a@b"};
  email.from = "c@d";
  email.server = "smtp://h";
  email.password = "secret";
  const NotifyTarget target{"mail", {}, {}, 1500ms, email};
  const Json job = Json::parse(notify_job(target, fault(), "1.web-1.holdfast"));
  CHECK(job["type"] == "email");
  CHECK(job["timeout_ms"] == 1500);
  CHECK(job["tls"] == "starttls");
  CHECK(job["subject"] == "[web-1] VI_1 is in fault");
  CHECK(job["message_id"] == "<7@1.web-1.holdfast>");
  CHECK(job["in_reply_to"] == "");
  const std::string text = job["text"];
  CHECK(text.starts_with("VI_1: backup -> fault: no \"link\"\n\nNode:      web-1\nInstance:  VI_1\n"));

  Notification over = fault();
  over.serial = 9;
  over.answers = 7;
  over.status = Notification::Status::recovery;
  const Json answer = Json::parse(notify_job(target, over, "1.web-1.holdfast"));
  CHECK(answer["subject"] == "Re: [web-1] VI_1 is in fault [over]");
  CHECK(answer["in_reply_to"] == "<7@1.web-1.holdfast>");
}

TEST_CASE("a webhook's job has its body filled") {
  NotifyWebhook hook;
  hook.url = "https://h/";
  hook.body = R"({"t":"{{text}}","s":"{{status}}"})";
  hook.signature = NotifyWebhook::Signature::feishu;
  const Json job = Json::parse(notify_job({"hook", {}, {}, 1s, hook}, fault(), "x"));
  CHECK(job["type"] == "webhook");
  CHECK(job["signature"] == "feishu");
  CHECK(Json::parse(job["body"].get<std::string>()) ==
        Json{{"t", "VI_1: backup -> fault: no \"link\""}, {"s", "problem"}});
}

TEST_CASE("only a clear yes is one") {
  CHECK(notify_outcome(said(R"({"ok":true,"text":""})", true)).error.empty());
  CHECK(notify_outcome(said(R"({"ok":true,"text":"but one"})", true)).remark == "but one");
  CHECK(notify_outcome(said(R"({"ok":false,"text":"no\nway"})", false)).error == "no way");
  for (const char* output :
       {"", "x", "[]", "{}", R"({"ok":1,"text":""})", R"({"ok":true})", R"({"ok":false,"text":""})"}) {
    CAPTURE(output);
    CHECK_FALSE(notify_outcome(said(output, true)).error.empty());
  }
  CHECK_FALSE(notify_outcome(said(R"({"ok":true,"text":""})", false)).error.empty());
}
