-- Sessions by id in Redis, instead of tickets: for servers of TLS 1.2 that are to keep them (docs/scaling.md). One
-- connection to Redis, on which questions do not wait for each other's answers.
local uv = require "luv"
local co = require "tls.co"
local Redis = require "redis"

local PATIENCE = 200 -- ms: what Redis has not answered by then is a full handshake
local AGAIN = 1000 -- ms until it is tried once more

local Store = {}
Store.__index = Store

local function hex(text)
  return (text:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- `callback` is called once: with the answer, or with nothing if there is none in time.
local function question(callback)
  local timer, open = uv.new_timer(), true
  local function answer(value)
    if not open then return end
    open = false
    timer:close()
    callback(value)
  end
  timer:start(PATIENCE, 0, function() answer(nil) end)
  return answer
end

function Store:ask(callback, ...)
  local socket = self.socket
  if not socket then return callback(nil) end
  self.questions[#self.questions + 1] = question(callback)
  socket.stream:write(Redis.encode(...))
end

-- Answers come in the order of the questions.
local function read_answers(self, socket)
  while true do
    local value, err = Redis.read_answer(socket)
    if err and type(err) == "table" or #self.questions == 0 then return err end
    table.remove(self.questions, 1)(value)
  end
end

local function connect(self)
  local socket, err = co.connect(self.how.redis)
  if not socket then return err end
  socket:settimeout(nil)
  self.socket = socket
  self.how.log "sessions are in Redis"
  err = read_answers(self, socket)
  self.socket = nil
  socket.stream:destroy()
  local questions = self.questions
  self.questions = {}
  for _, answer in ipairs(questions) do answer(nil) end
  return err
end

local function follow(self)
  while true do
    local err = tostring(connect(self))
    self.how.log("sessions are not kept, redis is away: " .. err)
    co.sleep(AGAIN)
  end
end

--- Keeps a server's sessions. It has `secureOptions = 0x4000`, without which sessions are in tickets.
--- @param server tls.Server
--- @param how table { redis = options of co.connect, keep = s, log = function(text) }
function Store.attach(server, how)
  local self = setmetatable({ how = how, questions = {} }, Store)
  server:on("newSession", function(id, data, callback)
    self:ask(function() callback() end, "SET", "fleet:session:" .. hex(id), data, "EX", how.keep)
  end)
  server:on("resumeSession", function(id, callback)
    self:ask(function(data) callback(nil, data) end, "GET", "fleet:session:" .. hex(id))
  end)
  co.run(follow, self)
end

return Store
