-- What tls.ocsp.staple reads of HTTP: any answer in pieces of any size, bounded, and nothing that two readers could
-- read differently.
require "spec.helper"
local HttpAnswer = require "tls.ocsp.http_answer"
local responder_url = require "tls.ocsp.responder_url"

local MOST = 100

-- What the bytes come to, in pieces of 'size': the body, or the error's text.
local function read(bytes, size)
  local answer = HttpAnswer.new(MOST)
  for at = 1, #bytes, size do
    local body, err = answer:feed(bytes:sub(at, at + size - 1))
    if body then return body end
    if err then return nil, err.message end
  end
  local body, err = answer:finish()
  return body, err and err.message
end

local function assert_body(expected, bytes)
  for _, size in ipairs { 1, 2, 3, 7, #bytes + 1 } do assert.equal(expected, read(bytes, size)) end
end

local function assert_refused(text, bytes)
  for _, size in ipairs { 1, 2, 3, 7, #bytes + 1 } do
    local body, err = read(bytes, size)
    assert.is_nil(body)
    assert.is_truthy(err:find(text, 1, true), err)
  end
end

local OK = "HTTP/1.1 200 OK\r\n"
local CHUNKED = OK .. "Transfer-Encoding: chunked\r\n\r\n"

describe("an answer of HTTP", function()
  it("has its length, or ends with the connection", function()
    assert_body("hello", OK .. "Content-Length: 5\r\n\r\nhello")
    assert_body("hello", OK .. "content-length:5\r\nServer: x\r\n\r\nhello, and more")
    assert_body("hello", OK .. "\r\nhello")
    assert_body("hello", "HTTP/1.0 200\nX: y\n\nhello")
    assert_body("", OK .. "Content-Length: 0\r\n\r\n")
    assert_body(("x"):rep(MOST), OK .. "Content-Length: 100\r\n\r\n" .. ("x"):rep(MOST))
    assert_body("hello", OK .. "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello")
  end)

  it("may come in chunks", function()
    assert_body("hello", CHUNKED .. "2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\n")
    assert_body("hello", CHUNKED .. "5\r\nhello\r\n000\r\nTrailer: x\r\nOther: y\r\n\r\n")
    assert_body(("x"):rep(26), CHUNKED .. "1A\r\n" .. ("x"):rep(26) .. "\r\n0\r\n\r\n")
  end)

  it("may follow interim ones", function()
    assert_body("hello", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" .. OK .. "Content-Length: 5\r\n\r\nhello")
  end)

  it("is status 200, of HTTP/1", function()
    assert_refused("status 301", "HTTP/1.1 301 Moved\r\nLocation: http://x/\r\n\r\n")
    assert_refused("status 500", "HTTP/1.1 500\r\n\r\n")
    for _, line in ipairs { "HTTP/2 200", "HTTP/1.1 20", "HTTP/1.1 2000", "http/1.1 200", "200 OK", "" } do
      assert_refused("not HTTP", line .. "\r\n\r\n")
    end
  end)

  it("is whole", function()
    for _, bytes in ipairs { "", "HTTP", OK, OK .. "Content-Length: 5\r\n", OK .. "Content-Length: 5\r\n\r\nhell",
      CHUNKED, CHUNKED .. "5\r\nhello", CHUNKED .. "5\r\nhello\r\n", CHUNKED .. "0\r\n", CHUNKED .. "0\r\nX: y\r\n" } do
      assert_refused("cut off", bytes)
    end
  end)

  it("is bounded", function()
    assert_refused("more than 100 bytes", OK .. "Content-Length: 101\r\n\r\n")
    assert_refused("more than 100 bytes", OK .. "Content-Length: 99999999999999999999\r\n\r\n")
    assert_refused("more than 100 bytes", OK .. "\r\n" .. ("x"):rep(101))
    assert_refused("more than 100 bytes", CHUNKED .. "65\r\n")
    assert_refused("more than 100 bytes", CHUNKED .. "FFFFFFFFFFFFFFFF\r\n")
    assert_refused("more than 100 bytes", CHUNKED .. "33\r\n" .. ("x"):rep(51) .. "\r\n32\r\n")
    assert_refused("line that is too long", ("x"):rep(9000))
    assert_refused("line that is too long", CHUNKED .. ("0"):rep(9000))
    assert_refused("too many headers", OK .. ("X: y\r\n"):rep(3000))
    assert_refused("too many headers", ("HTTP/1.1 100 Continue\r\n\r\n"):rep(1000))
    assert_refused("too many trailers", CHUNKED .. "0\r\n" .. ("X: y\r\n"):rep(200))
    local answer = HttpAnswer.new(100000)
    local _, err = answer:feed(CHUNKED .. ("1\r\nx\r\n"):rep(1001))
    assert.is_truthy(err.message:find("too many chunks", 1, true))
    assert.equal(err, select(2, answer:feed "more")) -- and stays so
    assert.equal(err, select(2, answer:finish()))
  end)

  it("has one length, which is one", function()
    assert_refused("two lengths", OK .. "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")
    for _, length in ipairs { "", "-1", "+5", "5x", "0x5", "5, 5", "1e2", "5.0" } do
      assert_refused("length that is none", OK .. "Content-Length: " .. length .. "\r\n\r\nhello")
    end
    for _, size in ipairs { "", "-1", "x", "0x5" } do
      assert_refused("length that is none", CHUNKED .. size .. "\r\nhello\r\n")
    end
    assert_refused("longer than it says", CHUNKED .. "2\r\nhello\r\n0\r\n\r\n")
    assert_refused("encoded", OK .. "Transfer-Encoding: gzip, chunked\r\n\r\n")
    assert_refused("header that is none", OK .. "Content-Length : 5\r\n\r\nhello")
    assert_refused("header that is none", OK .. " folded\r\n\r\nhello")
  end)
end)

describe("the address of a responder", function()
  local function assert_parts(url, host, port, path, authority)
    assert.same({ host = host, port = port, path = path, authority = authority }, responder_url(url))
  end

  it("is a URL of plain HTTP", function()
    assert_parts("http://ocsp.example.com", "ocsp.example.com", 80, "/", "ocsp.example.com")
    assert_parts("HTTP://ocsp.example.com:8080/a?b=c#d", "ocsp.example.com", 8080, "/a?b=c", "ocsp.example.com:8080")
    assert_parts("http://[::1]:80/x", "::1", 80, "/x", "[::1]:80")
    assert_parts("http://[2001:db8::1]", "2001:db8::1", 80, "/", "[2001:db8::1]")
    assert_parts("http://h?q", "h", 80, "/?q", "h")
  end)

  it("is nothing else", function()
    for _, url in ipairs { "", "http://", "http:///x", "https://h/", "ldap://h/", "h", "//h/", "http://h:0/",
      "http://h:65536/", "http://h:x/", "http://h:1:2/", "http://u@h/", "http://u:p@h/", "http://[h]/", "http://[::1",
      "http://h/a b", "http://h/\r\nX: y", "http://h\n/", "http://h/\0", "http://h/\255", "http://[::1]x/",
      "http://h/" .. ("x"):rep(2048) } do
      assert.is_nil(responder_url(url), url)
    end
  end)
end)
