--- Internal. One question to a responder: a POST over plain HTTP (RFC 6960, A.1), with a deadline and a bound. What it
-- opens does not keep the loop running.
-- @module tls.ocsp.http_post

local uv = require "luv"
local core = require "tls.core"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"
local HttpAnswer = require "tls.ocsp.http_answer"
local net = require "tls.net"

local function request_of(url, body)
  return table.concat({
    "POST " .. url.path .. " HTTP/1.1", "Host: " .. url.authority, "Content-Type: application/ocsp-request",
    "Accept: application/ocsp-response", "Content-Length: " .. #body, "Connection: close", "", body,
  }, "\r\n")
end

local function timer_of(ms, owner, fn)
  local timer = handles.make(uv.new_timer)
  uv.update_time() -- the loop's clock may be older than this callback
  timer:unref()
  timer:start(ms, 0, core.wrap(fn, owner))
  return timer
end

--- Asks, and calls `done` once.
--- @param url tls.ResponderUrl
--- @param body string
--- @param limits {timeout: number, most: integer} ms for all of it; bytes of the answer
--- @param done fun(err: table?, answer: string?)
--- @return fun() cancel `done` is not called any more
local function post(url, body, limits, done)
  local answer, socket, timer = HttpAnswer.new(limits.most), nil, nil
  local function stop()
    if not done then return nil end
    local fn = done
    done = nil
    handles.close(timer)
    socket:destroy()
    return fn
  end
  local function finish(err, text)
    local fn = stop()
    if fn then fn(err, text) end
  end
  local function read(text, err)
    if text or err then finish(err, text) end
  end
  local owner = {} -- see core.wrap
  function owner._memory_out()
    finish(errors.no_memory())
    return true
  end
  socket = net.Socket()
  timer = timer_of(limits.timeout, owner, function()
    finish(errors.new("ERR_OCSP_TIMEOUT", ("the OCSP responder has not answered within %d ms"):format(limits.timeout)))
  end)
  socket:on("data", function(data) read(answer:feed(data)) end)
  socket:on("end", function() read(answer:finish()) end)
  socket:on("error", finish)
  socket:on("close", function() read(answer:finish()) end)
  socket:unref()
  socket:connect { host = url.host, port = url.port }
  socket:write(request_of(url, body))
  return stop
end

return post
