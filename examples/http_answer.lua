-- Reads an answer of HTTP/1.1, in a task, and refuses what could be read in two ways. https_get.lua, nvim_fetch.lua and
-- websocket/client.lua use it. Both functions throw what is wrong. How long that may take is for who calls them to say.
local http_answer = {}

local HEAD_LIMIT = 64 * 1024 -- bytes of an answer's head
local LINE_LIMIT = 4096 -- bytes of a line between chunks
local FEW = 4096 -- pieces of a body that are kept one by one

--- What must come; nil alone is the end of the connection, which is too early then.
local function need(value, err)
  if value then return value end
  error(err or "the server has closed the connection too early", 0)
end

local function headers_of(lines)
  local headers = {}
  for line in lines:gmatch "(.-)\r\n" do
    local name, value = line:match "^([^%s:]+):[ \t]*(.*)$"
    if not name then error("the server has sent a header that is none", 0) end
    name, value = name:lower(), value:match "^.*[^ \t]" or ""
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  return headers
end

--- The status, and the headers by their names in lower case; two of one name are put together. Answers that only
-- announce another are passed over.
function http_answer.read_head(socket)
  local text = need(socket:read_until("\r\n\r\n", HEAD_LIMIT)) .. "\r\n"
  local minor, status, lines = text:match "^HTTP/1%.(%d) (%d%d%d)%f[ \r][^\r\n]*\r\n(.*)$"
  if not status then error("this is not an answer of HTTP/1", 0) end
  if status:sub(1, 1) == "1" and status ~= "101" then return http_answer.read_head(socket) end
  local headers = headers_of(lines)
  if headers["transfer-encoding"] and minor == "0" then error("HTTP/1.0 has no chunks", 0) end
  return tonumber(status), headers
end

--- === bodies ===

local function new_body(max) return { max = max, length = 0, small = {}, large = {} } end

--- Before they are read: nobody needs to send what is too much.
local function announce(body, count)
  body.length = body.length + count
  if body.length > body.max then error(("the body is longer than %.0f bytes"):format(body.max), 0) end
end

--- A million pieces of a byte would take fifty times as much memory as one of a million bytes.
local function add(body, data)
  local small = body.small
  small[#small + 1] = data
  if #small < FEW then return end
  body.large[#body.large + 1], body.small = table.concat(small), {}
end

local function whole(body) return table.concat(body.large) .. table.concat(body.small) end

local function read_exactly(socket, count)
  local data = count == 0 and "" or need(socket:read(count))
  return #data == count and data or need(nil)
end

local function read_chunked(socket, body)
  while true do
    local line = need(socket:read_until("\r\n", LINE_LIMIT))
    local size = line:match "^%x+$" or line:match "^(%x+)[ \t]*;"
    if not size or #size > 12 then error("the server has sent a chunk without a length", 0) end
    size = tonumber(size, 16)
    if size == 0 then return whole(body) end -- what may stand behind it is not looked at
    announce(body, size)
    add(body, read_exactly(socket, size))
    if read_exactly(socket, 2) ~= "\r\n" then error("a chunk is longer than it says", 0) end
  end
end

local function read_to_the_end(socket, body)
  while true do
    local data, err = socket:read_some()
    if err then error(err, 0) end
    if not data and socket.stream.truncated then need(nil) end -- anybody can cut a connection
    if not data then return whole(body) end
    announce(body, #data)
    add(body, data)
  end
end

--- The body that stands behind a head, of `max` bytes at most.
function http_answer.read_body(socket, status, headers, max)
  local transfer, length, body = headers["transfer-encoding"], headers["content-length"], new_body(max)
  local packed = headers["content-encoding"]
  if status == 101 then error("the server wants to speak another protocol", 0) end
  if status == 204 or status == 304 then return "" end
  if packed and packed:lower() ~= "identity" then error("the body is packed, which nobody has asked for", 0) end
  if transfer and (length or transfer:lower() ~= "chunked") then error("a body in a form that is not known", 0) end
  if transfer then return read_chunked(socket, body) end
  if not length then return read_to_the_end(socket, body) end
  if not length:find "^%d+$" then error("the length of the body is " .. length, 0) end
  announce(body, tonumber(length))
  return read_exactly(socket, tonumber(length))
end

return http_answer
