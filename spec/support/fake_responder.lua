-- A responder of OCSP that does what it is told: its answers are bytes, or functions.
--
--   local responder = fake_responder.start(function(request, reply) reply(response) end, function(port) ... end)
local helper = require "spec.helper"
local net = require "tls.net"

local fake_responder = {}

--- A whole answer of HTTP's.
function fake_responder.http(body, headers, status)
  return ("HTTP/1.1 %s\r\nContent-Type: application/ocsp-response\r\n%s\r\n"):format(status or "200 OK",
    headers or "Content-Length: " .. #body .. "\r\n") .. body
end

-- The request, when it is whole: its lines and its body.
local function read_request(text)
  local head, body = text:match "^(.-\r\n)\r\n(.*)$"
  local length = head and tonumber(head:match "[Cc]ontent%-[Ll]ength: (%d+)")
  if not length or #body < length then return nil end
  return { head = head, body = body, line = head:match "^(.-)\r\n" }
end

--- Starts one. answer(request, reply, socket) is called for each request; reply(response) sends a response and ends the
-- connection, what the function writes to the socket goes as it is. Returns { count =, requests =, stop() }.
function fake_responder.start(answer, on_listening, port)
  local self = { count = 0, requests = {}, sockets = {}, answer = answer }
  local server = net.createServer(function(socket)
    local text = ""
    self.sockets[socket] = true
    socket:on("error", function() end)
    socket:on("close", function() self.sockets[socket] = nil end)
    socket:on("data", function(data)
      text = text .. data
      local request = read_request(text)
      if not request then return end
      text = ""
      self.count = self.count + 1
      self.requests[self.count] = request
      self.answer(request, function(response) socket:finish(fake_responder.http(response)) end, socket)
    end)
  end)
  function self.stop()
    server:close()
    for socket in pairs(self.sockets) do socket:destroy() end
  end
  server:listen(port or 0, "127.0.0.1", helper.expect(function()
    self.port = server:address().port
    self.url = ("http://127.0.0.1:%d/ocsp"):format(self.port)
    on_listening(self)
  end))
  return self
end

return fake_responder
