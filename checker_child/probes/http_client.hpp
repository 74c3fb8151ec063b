// HTTP on the event loop: many exchanges at once through one libcurl multi handle.
#pragma once

#include "checker_child/probes/curl_library.hpp"
#include "common/check_config.hpp"
#include "common/event_loop.hpp"
#include "common/result.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace holdfast {

struct HttpAnswer {
  long status = 0;
  std::string body;                 // its beginning
  std::string certificate_expires;  // as OpenSSL writes it; empty: not TLS, or not asked for
  std::string error;                // a sentence; empty when there was a whole answer
};

class HttpClient {
 public:
  // In bytes. An answer must end: one that is larger than this is an error, whatever it began with.
  static constexpr std::size_t head_limit = 64u << 10;
  static constexpr std::size_t body_limit = 1u << 20;
  static constexpr std::size_t body_kept = 16u << 10;  // so much of it HttpAnswer::body holds

  using Handler = std::function<void(const HttpAnswer&)>;

  // An exchange in flight; it ends with its life.
  class Transfer {
   public:
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer();

    // How far it is, for the sentence of a timeout: "connecting to 127.0.0.1:80".
    std::string waiting_for() const;

   private:
    friend class HttpClient;
    Transfer(HttpClient& client, Handler handler);
    Status prepare(const HttpProbe& probe);
    Status aim(const HttpProbe& probe);
    void set_up_tls(const HttpProbe& probe);
    bool receive_head(std::size_t size);
    bool receive_body(const char* data, std::size_t size);
    void complete(CURLcode outcome);
    std::string failure_text(CURLcode outcome) const;
    std::string certificate_expires() const;

    HttpClient& client_;
    Handler handler_;
    CURL* easy_;
    curl_slist* headers_ = nullptr;
    curl_slist* connect_to_ = nullptr;
    std::string url_;     // as configured
    std::string target_;  // what is connected to: HOST:PORT, or the path of a socket
    bool secure_ = false;
    bool http2_ = false;
    char error_[CURL_ERROR_SIZE] = "";
    HttpAnswer answer_;
    std::size_t head_size_ = 0;
    std::size_t body_size_ = 0;
  };

  explicit HttpClient(EventLoop& loop);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // Begins a GET of probe.url; libcurl is loaded at the first. `handler` is called once, later, unless the transfer
  // is destroyed before; it may destroy it. The client must outlive the transfer.
  Result<std::unique_ptr<Transfer>> get(const HttpProbe& probe, Handler handler);

 private:
  Status load();
  void act(curl_socket_t socket, int events);
  int watch(curl_socket_t socket, int what) noexcept;
  int set_timer(long milliseconds) noexcept;

  EventLoop& loop_;
  Timer timer_;
  std::optional<CurlLibrary> curl_;
  CURLM* multi_ = nullptr;
  std::map<curl_socket_t, IoWatch> watches_;
};

}  // namespace holdfast
