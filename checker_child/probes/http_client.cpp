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
  // What a callback takes of the data; 0 ends the transfer.
  curl_write_callback on_head = [](char*, std::size_t, std::size_t size, void* self) {
    return static_cast<Transfer*>(self)->receive_head(size) ? size : 0;
  };
  curl_write_callback on_body = [](char* data, std::size_t, std::size_t size, void* self) {
    return static_cast<Transfer*>(self)->receive_body(data, size) ? size : 0;
  };
  set(easy_, CURLOPT_HEADERFUNCTION, on_head);
  set(easy_, CURLOPT_HEADERDATA, this);
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
  const auto http2 = secure_ ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(probe.http2 ? http2 : CURL_HTTP_VERSION_1_1));
  if (probe.proxy_protocol) set(easy_, CURLOPT_HAPROXYPROTOCOL, 1L);
  if (secure_) set_up_tls(probe);
  return {};
}

void HttpClient::Transfer::set_up_tls(const HttpProbe& probe) {
  const auto set = client_.curl_->easy_setopt;
  set(easy_, CURLOPT_SSL_VERIFYPEER, probe.tls_verify ? 1L : 0L);
  set(easy_, CURLOPT_SSL_VERIFYHOST, probe.tls_verify ? 2L : 0L);
  // One file of authorities, parsed once a minute and not for each connection; with a folder of them libcurl does not
  // keep what it parsed. The system's file is libcurl's default.
  set(easy_, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  set(easy_, CURLOPT_CA_CACHE_TIMEOUT, 60L);
  if (!probe.tls_ca.empty()) set(easy_, CURLOPT_CAINFO, probe.tls_ca.c_str());
  if (probe.tls_expiry_warning > Duration{}) set(easy_, CURLOPT_CERTINFO, 1L);
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
  url_ = probe.url;
  secure_ = part(CURLUPART_SCHEME) == "https";
  http2_ = probe.http2;
  target_ = part(CURLUPART_HOST) + ":" + part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (!probe.unix_socket.empty()) {
    target_ = probe.unix_socket;
    curl.easy_setopt(easy_, CURLOPT_UNIX_SOCKET_PATH, probe.unix_socket.c_str());
  }
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
    curl.easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
    if (probe.unix_socket.empty()) {
      connect_to_ = curl.slist_append(nullptr, ("::" + target_).c_str());
      curl.easy_setopt(easy_, CURLOPT_CONNECT_TO, connect_to_);
    }
  }
  curl.easy_setopt(easy_, CURLOPT_URL, part(CURLUPART_URL).c_str());
  return {};
}

bool HttpClient::Transfer::receive_head(std::size_t size) {
  head_size_ += size;
  return head_size_ <= head_limit;
}

bool HttpClient::Transfer::receive_body(const char* data, std::size_t size) {
  body_size_ += size;
  answer_.body.append(data, std::min(size, body_kept - answer_.body.size()));
  return body_size_ <= body_limit;
}

std::string HttpClient::Transfer::waiting_for() const {
  curl_off_t connected_after = 0;  // in microseconds; with TLS only when that is set up, too
  client_.curl_->easy_getinfo(easy_, CURLINFO_CONNECT_TIME_T, &connected_after);
  if (connected_after == 0) return "connecting to " + target_ + (secure_ ? " with TLS" : "");
  if (head_size_ == 0) return "GET " + url_;
  return "GET " + url_ + ", whose answer has not ended after " + std::to_string(head_size_ + body_size_) + " bytes";
}

void HttpClient::Transfer::complete(CURLcode outcome) {
  const CurlLibrary& curl = *client_.curl_;
  curl.easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &answer_.status);
  long version = 0;
  curl.easy_getinfo(easy_, CURLINFO_HTTP_VERSION, &version);
  if (outcome != CURLE_OK) {
    answer_.error = failure_text(outcome);
  } else if (http2_ && version != CURL_HTTP_VERSION_2_0) {
    answer_.error = "answered " + std::to_string(answer_.status) + " with HTTP/1, wanted HTTP/2";
  }
  answer_.certificate_expires = certificate_expires();
  curl.multi_remove_handle(client_.multi_, easy_);
  const Handler handler = std::move(handler_);
  const HttpAnswer answer = std::move(answer_);
  handler(answer);
}

std::string HttpClient::Transfer::failure_text(CURLcode outcome) const {
  const CurlLibrary& curl = *client_.curl_;
  std::string text = error_[0] ? error_ : curl.easy_strerror(outcome);
  const auto says = [&text](std::string_view words) { return text.find(words) != std::string::npos; };
  switch (outcome) {
    case CURLE_COULDNT_CONNECT: {
      long cause = 0;
      curl.easy_getinfo(easy_, CURLINFO_OS_ERRNO, &cause);
      return cause == 0 ? text : "connect to " + target_ + ": " + std::strerror(static_cast<int>(cause));
    }
    case CURLE_GOT_NOTHING: return target_ + " closed the connection without an answer";
    case CURLE_WRITE_ERROR:
      if (head_size_ > head_limit) return "the headers are longer than 64 KiB";
      if (body_size_ > body_limit) return "the page is longer than 1 MiB, too long for a check; ask for a smaller one";
      return text;
    case CURLE_UNSUPPORTED_PROTOCOL: return says("HTTP/0.9") ? target_ + " does not answer with HTTP" : text;
    case CURLE_SSL_CONNECT_ERROR:
      return "TLS with " + target_ + ": " + text + (says("wrong version number") ? " (does it speak TLS?)" : "");
    case CURLE_PEER_FAILED_VERIFICATION: {
      const auto colon = text.find(": ");  // behind libcurl's "SSL certificate problem", or "SSL"
      return "its certificate is not accepted: " + (colon == std::string::npos ? text : text.substr(colon + 2)) +
             " (tls_ca names whom to trust; tls_verify: false accepts anything)";
    }
    case CURLE_SSL_CACERT_BADFILE: return text + " (the user of the checks must be able to read it)";
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return target_ + " does not answer with proper HTTP/2: " + text;
    default: return text;
  }
}

std::string HttpClient::Transfer::certificate_expires() const {
  constexpr std::string_view label = "Expire date:";
  curl_certinfo* chain = nullptr;
  client_.curl_->easy_getinfo(easy_, CURLINFO_CERTINFO, &chain);
  if (!chain || chain->num_of_certs < 1) return "";
  for (const curl_slist* line = chain->certinfo[0]; line; line = line->next) {  // the first is the server's own
    const std::string_view text = line->data;
    if (text.starts_with(label)) return std::string(text.substr(label.size()));
  }
  return "";
}

}  // namespace holdfast
