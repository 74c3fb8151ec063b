#include "notify_helper/job.hpp"

#include <nlohmann/json.hpp>

namespace holdfast {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& job, const char* key) { return job.at(key).get<std::string>(); }

MailJob mail_of(const Json& job) {
  return {text_of(job, "server"),
          text_of(job, "tls"),
          text_of(job, "login"),
          text_of(job, "password"),
          text_of(job, "ca"),
          text_of(job, "from"),
          job.at("to").get<std::vector<std::string>>(),
          text_of(job, "subject"),
          text_of(job, "text"),
          text_of(job, "message_id"),
          text_of(job, "in_reply_to")};
}

WebhookJob webhook_of(const Json& job) {
  return {text_of(job, "url"),
          text_of(job, "body"),
          job.at("headers").get<std::vector<std::pair<std::string, std::string>>>(),
          text_of(job, "signature"),
          text_of(job, "secret"),
          text_of(job, "signature_header"),
          text_of(job, "ca")};
}

}  // namespace

Result<Job> parse_job(std::string_view text) try {
  const Json json = Json::parse(text);
  const std::chrono::milliseconds timeout(json.at("timeout_ms").get<std::int64_t>());
  const std::string type = text_of(json, "type");
  if (type == "email") return Job{timeout, mail_of(json)};
  if (type == "webhook") return Job{timeout, webhook_of(json)};
  return Error{"the job is of the unknown type '" + type + "'"};
} catch (const Json::exception& flaw) {
  return Error{std::string("the job is not what holdfastd writes: ") + flaw.what()};
}

}  // namespace holdfast
