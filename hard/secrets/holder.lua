-- The process that has the secrets, run by hard/secrets/host.c.
--
--   holder.lua CASE FOLDER [PORT]     FOLDER has the files; a client connects to PORT
--
-- It prints "PORT n" or "CLIENT", then "HELD" when data has come; at "close" it closes all, forgets it and prints
-- "GONE"; at "end" it ends.
local uv = require "luv"
local tls = require "tls"
local secret = rawget(_G, "secret")

local case, folder, port = arg[1], arg[2], tonumber(arg[3])

local function file(name) return secret(folder .. "/" .. name) end

local function say(...)
  io.stdout:write(table.concat({ ... }, " "), "\n")
  io.stdout:flush()
end

-- What the case's server or client is made with.
local options = {}

function options.pem() return { key = file "holder.key", cert = file "holder.crt", ticketKeys = file "ticket.keys" } end

function options.rsa() return { key = file "holder_rsa.key", cert = file "holder_rsa.crt" } end

function options.in_a_file() return { key = { file = folder .. "/holder.key" }, cert = file "holder.crt" } end

function options.encrypted()
  return { key = file "holder_encrypted.key", passphrase = file "passphrase", cert = file "holder.crt" }
end

function options.pfx() return { pfx = file "holder.pfx", passphrase = file "passphrase" } end

function options.psk()
  return {
    pskCallback = port and function() return { psk = file "psk", identity = "one" } end
      or function() return file "psk" end,
    checkServerIdentity = port and function() end or nil,
    ciphers = "PSK-AES256-GCM-SHA384:TLS_AES_128_GCM_SHA256",
  }
end

function options.keylogged()
  return { key = file "holder.key", cert = file "holder.crt" }
end

function options.cleansed()
  return { key = file "holder.key", cert = file "holder.crt", secureOptions = 2 } -- SSL_OP_CLEANSE_PLAINTEXT
end

function options.asked_for()
  return { key = file "holder.key", cert = file "holder.crt", ticketKeys = { file "ticket.keys" } }
end

local kind, version = case:match "^(.-) (1%.[23])$"
local server, socket, held, kept -- all that this program has

-- What is asked for is kept, and said in an encoding; so is what comes.
local function ask_for_all()
  kept = { socket:exportKeyingMaterial(48, "hard"), socket:getSession(), server and server:getTicketKeys() }
  return (file("said_by_holder"):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function use(connection)
  socket = connection
  socket:on("error", function(err) say("ERROR", err.code, err.message) end)
  if kind == "asked_for" then socket:setEncoding "hex" end
  socket:on("data", function(data)
    held = data
    if kind == "asked_for" then socket:write(ask_for_all(), "hex") else socket:write(file "said_by_holder") end
    say "HELD"
  end)
end

local function begin_client(mine)
  mine.port, mine.host, mine.ca, mine.servername = port, "127.0.0.1", file "ca.crt", "localhost"
  use(tls.connect(mine))
  if kind == "keylogged" then socket:on("keylog", function() end) end
  say "CLIENT"
end

local function begin_server(mine)
  server = tls.createServer(mine, use)
  if kind == "keylogged" then server:on("keylog", function() end) end
  server:on("tlsClientError", function(err) say("ERROR", err.code, err.message) end)
  server:listen(0, "127.0.0.1", function() say("PORT", server:address().port) end)
end

do -- what is in the options is to be collected
  local mine = options[kind]()
  mine.maxVersion = "TLSv" .. version
  if port then begin_client(mine) else begin_server(mine) end
end

local stdin, commands = uv.new_pipe(false), {}
local collector = uv.new_timer()

-- Some turns later: what is queued for the next one has run.
function commands.close()
  if socket then socket:destroy() end
  if server then server:close() end
  server, socket, held, kept = nil, nil, nil, nil
  local turns = 0
  collector:start(0, 10, function()
    collectgarbage()
    turns = turns + 1
    if turns < 10 then return end
    collector:close()
    say "GONE"
  end)
end

commands["end"] = function() stdin:close() end

stdin:open(0)
stdin:read_start(function(_, data)
  for word in (data or "end\n"):gmatch "(%l+)\n" do commands[word]() end
end)
uv.run()
assert(held == nil and kept == nil)
