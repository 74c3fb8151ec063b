// What makes a webhook more than a POST: signatures, and answers that say "no" with status 200.
#pragma once

#include "common/result.hpp"
#include "notify_helper/job.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace holdfast {

struct SignedRequest {
  std::string url;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// The request with the signature that the job asks for:
//   dingtalk     ?timestamp=MS&sign=... in the URL: base64 of HMAC-SHA256, key SECRET, over "MS\nSECRET"
//   feishu       "timestamp" (seconds) and "sign" in the body: base64 of HMAC-SHA256, key "S\nSECRET", over nothing
//   hmac-sha256  a header "sha256=HEX" over the body, key SECRET, as GitHub's
Result<SignedRequest> sign(const WebhookJob& job, std::chrono::system_clock::time_point now);

// Whether the receiver took it: any 2xx, unless its body says otherwise as robots do (`errcode`, `code`).
Status judge_answer(long status, const std::string& body);

}  // namespace holdfast
