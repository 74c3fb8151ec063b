#include "notify_helper/webhook.hpp"

#include "notify_helper/encoding.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string_view>

namespace holdfast {
namespace {

using Json = nlohmann::ordered_json;

// For a value in a query: base64's three characters that mean something there.
std::string in_query(const std::string& base64_text) {
  std::string text;
  for (const char c : base64_text) {
    switch (c) {
      case '+': text += "%2B"; break;
      case '/': text += "%2F"; break;
      case '=': text += "%3D"; break;
      default: text += c;
    }
  }
  return text;
}

std::string said_by(const Json& answer) {
  for (const char* key : {"errmsg", "msg", "message"}) {
    if (const auto found = answer.find(key); found != answer.end() && found->is_string()) {
      return ": " + found->get<std::string>();
    }
  }
  return "";
}

std::string beginning(std::string_view text) {
  std::string line(text.substr(0, 200));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return line;
}

}  // namespace

Result<SignedRequest> sign(const WebhookJob& job, std::chrono::system_clock::time_point now) {
  using namespace std::chrono;
  SignedRequest request{job.url, job.body, job.headers};
  if (job.signature == "dingtalk") {
    const std::string at = std::to_string(duration_cast<milliseconds>(now.time_since_epoch()).count());
    const std::string signature = base64(hmac_sha256(job.secret, at + "\n" + job.secret));
    request.url = job.url.substr(0, job.url.find('#'));
    request.url += (request.url.find('?') == std::string::npos ? "?" : "&");
    request.url += "timestamp=" + at + "&sign=" + in_query(signature);
  } else if (job.signature == "feishu") {
    const std::string at = std::to_string(duration_cast<seconds>(now.time_since_epoch()).count());
    Json body = Json::parse(job.body, nullptr, false);
    if (!body.is_object()) return Error{"the body is no JSON object, so it can't hold Feishu's signature"};
    body["timestamp"] = at;
    body["sign"] = base64(hmac_sha256(at + "\n" + job.secret, ""));
    request.body = body.dump();
  } else if (job.signature == "hmac-sha256") {
    request.headers.emplace_back(job.signature_header, "sha256=" + hex(hmac_sha256(job.secret, job.body)));
  } else if (job.signature != "none") {
    return Error{"there is no signature of type '" + job.signature + "'"};
  }
  return request;
}

Status judge_answer(long status, const std::string& body) {
  if (status >= 300 && status < 400) {
    return Error{"the receiver answered with status " + std::to_string(status) +
                 ", which sends elsewhere; write that other URL"};
  }
  if (status < 200 || status >= 300) {
    return Error{"the receiver answered with status " + std::to_string(status) +
                 (body.empty() ? "" : ": " + beginning(body))};
  }
  const Json answer = Json::parse(body, nullptr, false);
  if (!answer.is_object()) return {};
  for (const char* key : {"errcode", "code"}) {
    const auto code = answer.find(key);
    if (code == answer.end() || !code->is_number_integer()) continue;
    const auto value = code->get<std::int64_t>();
    const bool good = value == 0 || (std::string_view(key) == "code" && value >= 200 && value < 300);
    if (!good)
      return Error{"the receiver refused it, " + std::string(key) + " " + std::to_string(value) + said_by(answer)};
  }
  return {};
}

}  // namespace holdfast
