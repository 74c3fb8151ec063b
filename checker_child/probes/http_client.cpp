#include "checker_child/probes/http_client.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace holdfast {

HttpClient::HttpClient(EventLoop& loop) : loop_(loop), timer_(loop, [this] { act(CURL_SOCKET_TIMEOUT, 0); }) {}

HttpClient::~HttpClient() {
  if (multi_) curl_->multi_cleanup(multi_);
}

Status HttpClient::load() {
  if (multi_) return {};
  auto curl = load_curl();
  if (!curl) return curl.error();
  CURLM* multi = curl->multi_init();
  if (!multi) return Error{"libcurl does not start: out of memory"};
  curl_ = *curl;
  multi_ = multi;
  curl_socket_callback on_socket = [](CURL*, curl_socket_t socket, int what, void* self, void*) {
    return static_cast<HttpClient*>(self)->watch(socket, what);
  };
  curl_multi_timer_callback on_timer = [](CURLM*, long milliseconds, void* self) {
    return static_cast<HttpClient*>(self)->set_timer(milliseconds);
  };
  curl_->multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_->multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_->multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_->multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  return {};
}

// ---- libcurl's wishes, on the event loop ----

int HttpClient::watch(curl_socket_t socket, int what) noexcept try {
  if (what == CURL_POLL_REMOVE) {
    watches_.erase(socket);
    return 0;
  }
  const auto events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0u);
  IoWatch& known = watches_[socket];
  if (known) {
    known.set_events(events);
    return 0;
  }
  known = IoWatch(loop_, socket, events, [this, socket](std::uint32_t ready) {
    act(socket, ((ready & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0) |
                    ((ready & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                    ((ready & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0));
  });
  return 0;
} catch (const std::exception&) {
  return -1;  // libcurl fails the transfers; nothing may unwind through it
}

int HttpClient::set_timer(long milliseconds) noexcept try {
  if (milliseconds < 0)
    timer_.disarm();
  else
    timer_.arm(loop_.now() + std::chrono::milliseconds(milliseconds));
  return 0;
} catch (const std::exception&) {
  return -1;
}

void HttpClient::act(curl_socket_t socket, int events) {
  int running = 0;
  curl_->multi_socket_action(multi_, socket, events, &running);
  int left = 0;
  while (const CURLMsg* message = curl_->multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode outcome = message->data.result;
    Transfer* transfer = nullptr;
    curl_->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    transfer->complete(outcome);
  }
}

// ---- one exchange ----

Result<std::unique_ptr<HttpClient::Transfer>> HttpClient::get(const HttpProbe& probe, Handler handler) {
  if (const Status loaded = load(); !loaded) return loaded.error();
  std::unique_ptr<Transfer> transfer(new Transfer(*this, std::move(handler)));
  if (const Status prepared = transfer->prepare(probe); !prepared) return prepared.error();
  if (const CURLMcode failure = curl_->multi_add_handle(multi_, transfer->easy_); failure != CURLM_OK) {
    return Error{"libcurl refuses the transfer, number " + std::to_string(failure)};
  }
  return transfer;
}

HttpClient::Transfer::Transfer(HttpClient& client, Handler handler)
    : client_(client), handler_(std::move(handler)), easy_(client.curl_->easy_init()) {}

HttpClient::Transfer::~Transfer() {
  const CurlLibrary& curl = *client_.curl_;
  if (!easy_) return;
  curl.multi_remove_handle(client_.multi_, easy_);
  curl.easy_cleanup(easy_);
  curl.slist_free_all(headers_);
  curl.slist_free_all(connect_to_);
}

Status HttpClient::Transfer::prepare(const HttpProbe& probe) {
  if (!easy_) return Error{"libcurl is out of memory"};
  const auto set = client_.curl_->easy_setopt;
  if (const Status aimed = aim(probe); !aimed) return aimed;
  curl_write_callback on_body = [](char* data, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.receive(data, size);
    return transfer.received_ < body_limit ? size : 0;  // 0 ends the transfer
  };
  set(easy_, CURLOPT_WRITEFUNCTION, on_body);
  set(easy_, CURLOPT_WRITEDATA, this);
  set(easy_, CURLOPT_PRIVATE, this);
  set(easy_, CURLOPT_ERRORBUFFER, error_);
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_QUICK_EXIT, 1L);  // a transfer given up does not wait for its name lookup
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy_, CURLOPT_NOPROXY, "*");
  set(easy_, CURLOPT_FRESH_CONNECT, 1L);
  set(easy_, CURLOPT_FORBID_REUSE, 1L);
  set(easy_, CURLOPT_USERAGENT, "holdfast-checker/" HOLDFAST_VERSION);
  set(easy_, CURLOPT_SSL_VERIFYPEER, probe.tls_verify ? 1L : 0L);
  set(easy_, CURLOPT_SSL_VERIFYHOST, probe.tls_verify ? 2L : 0L);
  return {};
}

// Sets the URL. With `host`, its name replaces the URL's for TLS and stands in the Host header, while the
// connection still goes where the URL points.
Status HttpClient::Transfer::aim(const HttpProbe& probe) {
  const CurlLibrary& curl = *client_.curl_;
  const std::unique_ptr<CURLU, decltype(curl.url_cleanup)> url(curl.url(), curl.url_cleanup);
  const auto part = [&](CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    curl.url_get(url.get(), which, &text, flags);
    const std::string copy = text ? text : "";
    curl.free(text);
    return copy;
  };
  if (const CURLUcode flaw = curl.url_set(url.get(), CURLUPART_URL, probe.url.c_str(), 0); flaw != CURLUE_OK) {
    return Error{"the URL '" + probe.url + "' cannot be used: " + curl.url_strerror(flaw)};
  }
  target_ = part(CURLUPART_HOST) + ":" + part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (!probe.host.empty()) {
    // A port belongs into the Host header but not into the name that TLS asks for.
    const auto colon = probe.host.rfind(':');
    const bool has_port = colon != std::string::npos && probe.host.find(']', colon) == std::string::npos &&
                          (probe.host.front() == '[' || probe.host.find(':') == colon);
    const std::string name = has_port ? probe.host.substr(0, colon) : probe.host;
    if (const CURLUcode flaw = curl.url_set(url.get(), CURLUPART_HOST, name.c_str(), 0); flaw != CURLUE_OK) {
      return Error{"the host '" + probe.host + "' cannot be used: " + curl.url_strerror(flaw)};
    }
    headers_ = curl.slist_append(nullptr, ("Host: " + probe.host).c_str());
    connect_to_ = curl.slist_append(nullptr, ("::" + target_).c_str());
    curl.easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
    curl.easy_setopt(easy_, CURLOPT_CONNECT_TO, connect_to_);
  }
  curl.easy_setopt(easy_, CURLOPT_URL, part(CURLUPART_URL).c_str());
  return {};
}

void HttpClient::Transfer::receive(const char* data, std::size_t size) {
  received_ += size;
  answer_.body.append(data, std::min(size, body_kept - answer_.body.size()));
}

void HttpClient::Transfer::complete(CURLcode outcome) {
  client_.curl_->easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &answer_.status);
  const bool cut_by_us = outcome == CURLE_WRITE_ERROR && received_ >= body_limit;
  if (outcome != CURLE_OK && !cut_by_us) answer_.error = failure_text(outcome);
  client_.curl_->multi_remove_handle(client_.multi_, easy_);
  const Handler handler = std::move(handler_);
  const HttpAnswer answer = std::move(answer_);
  handler(answer);
}

std::string HttpClient::Transfer::failure_text(CURLcode outcome) const {
  const CurlLibrary& curl = *client_.curl_;
  std::string text = error_[0] ? error_ : curl.easy_strerror(outcome);
  if (outcome == CURLE_COULDNT_CONNECT) {
    long cause = 0;
    curl.easy_getinfo(easy_, CURLINFO_OS_ERRNO, &cause);
    if (cause != 0) text = "connect to " + target_ + ": " + std::strerror(static_cast<int>(cause));
  }
  if (outcome == CURLE_PEER_FAILED_VERIFICATION) text += " (tls_verify: false would accept it)";
  return text;
}

}  // namespace holdfast
