-- Secrets: a process has them, a connection to it uses them, and both are closed. While they are in use, each is found
-- in the process's memory (or the search proves nothing), and afterwards none is. Lua's own memory is wiped when it is
-- given back (hard/secrets/host.c): what is found was left by C.
--
--   HARD_CASE="server, pem 1.3" lua5.4 hard/secrets.lua
package.path = package.path .. ";./?.lua"
local co = require "tls.co"
local tls = require "tls"
local uv = require "luv"
local Process = require "hard.floods.process"
local certs = require "spec.support.certs"
local new_row = require "hard.row"
local scan = require "hard.secrets.scan"

local BUILD = os.getenv "TLS_BUILD" or "build"
local FOLDER = BUILD .. "/hard/secrets.d"
local ONLY = os.getenv "HARD_CASE"

-- Keys and texts of this run alone. No other process has them, so that nothing else is found.
local MAKE = [[
set -eu
ca_key=$(realpath "$2/ca.key")
rm -rf "$1"; mkdir -p "$1"; cp "$2/ca.crt" "$1"; cd "$1"
sign() {
  openssl req -new -key $1.key -subj /CN=localhost -out $1.csr
  printf 'subjectAltName=DNS:localhost\n' >$1.ext
  openssl x509 -req -in $1.csr -CA ca.crt -CAkey "$ca_key" -set_serial 77 -out $1.crt -extfile $1.ext -days 2
}
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out holder.key
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out holder_rsa.key
sign holder; sign holder_rsa
openssl rand -hex 12 | tr -d '\n' >passphrase
openssl pkey -in holder.key -aes128 -passout file:passphrase -out holder_encrypted.key
openssl pkcs12 -export -inkey holder.key -in holder.crt -passout file:passphrase -out holder.pfx
openssl rand 48 >ticket.keys
openssl rand 32 >psk
openssl rand -hex 300 | tr -d '\n' >said_by_holder
openssl rand -hex 300 | tr -d '\n' >said_to_holder
]]

local function shell(script, ...)
  local words = { "sh", "-c", script, "sh", ... }
  local process = Process.start(words)
  process:close_input()
  local status, output = process:finish()
  if status ~= 0 then error(output, 0) end
  return output
end

local function read(name)
  local file = assert(io.open(FOLDER .. "/" .. name, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function bytes_of(hex)
  return (hex:gsub("[^%x]", ""):gsub("%x%x", function(two) return string.char(tonumber(two, 16)) end))
end

-- The numbers of a private key, as `openssl pkey -text` prints them, without zeros in front.
local function numbers_of(name)
  local text, list = shell('openssl pkey -in "$1" -noout -text', FOLDER .. "/" .. name), {}
  for _, field in ipairs { "priv", "privateExponent", "prime1", "prime2", "exponent1", "exponent2", "coefficient" } do
    local hex = text:match("\n" .. field .. ":[^\n]*\n([%x:%s]+)\n?")
    if hex then list[field] = bytes_of(hex):gsub("^%z+", "") end
  end
  assert(next(list), text)
  return list
end

local needles

local function needle(name, bytes) needles[#needles + 1] = { name = name, bytes = bytes } end

-- As DER has it, and as OpenSSL calculates with it on this machine.
local function key_needles(name)
  for field, bytes in pairs(numbers_of(name)) do
    needle(field, bytes)
    needle(field .. ", as a BIGNUM", bytes:reverse())
  end
end

-- One for each line: of what has been given back, others have overwritten some.
local function pem_needles(name)
  for line in read(name):gmatch "\n(%w%S+)" do needle("PEM", line) end
end

local function hex_of(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function text_needles()
  for at = 1, 600, 50 do
    needle("what was said to it", read("said_to_holder"):sub(at, at + 49))
    needle("what it has said", read("said_by_holder"):sub(at, at + 49))
    needle("what was said to it, in hex", hex_of(read("said_to_holder"):sub(at, at + 49)))
  end
end

-- The needles of each kind of secret, and which of them are there while it is used. Another release of OpenSSL may have
-- others as well.
local KINDS = {
  pem = { found = { "PEM", "priv, as a BIGNUM", "ticket key for HMAC", "ticket key for AES" }, add = function()
    key_needles "holder.key"
    pem_needles "holder.key"
    needle("ticket key for HMAC", read("ticket.keys"):sub(17, 32))
    needle("ticket key for AES", read("ticket.keys"):sub(33, 48))
  end },
  rsa = { found = { "PEM", "prime1, as a BIGNUM" }, add = function()
    key_needles "holder_rsa.key"
    pem_needles "holder_rsa.key"
  end },
  in_a_file = { found = { "priv, as a BIGNUM" }, add = function()
    key_needles "holder.key"
    pem_needles "holder.key"
  end },
  encrypted = { found = { "priv, as a BIGNUM" }, add = function()
    key_needles "holder.key"
    needle("passphrase", read "passphrase")
  end },
  pfx = { found = { "priv, as a BIGNUM" }, add = function()
    key_needles "holder.key"
    needle("passphrase", read "passphrase")
  end },
  psk = { found = {}, add = function() needle("pre-shared key", read "psk") end },
  keylogged = { found = {}, add = function() key_needles "holder.key" end },
  cleansed = { found = {}, add = function() key_needles "holder.key" end }, -- with SSL_OP_CLEANSE_PLAINTEXT
  -- by each getter that gives a secret, and in an encoding
  asked_for = { found = { "exported key" }, said = "what was said to it, in hex", add = function()
    needle("ticket key for HMAC", read("ticket.keys"):sub(17, 32))
    needle("ticket key for AES", read("ticket.keys"):sub(33, 48))
  end },
}

-- What both ends know of the connection, by its key log. Those of the handshake are gone when it has ended.
local LATER = { CLIENT_TRAFFIC_SECRET_0 = true, SERVER_TRAFFIC_SECRET_0 = true, EXPORTER_SECRET = true,
  CLIENT_RANDOM = true }

local function keylog_needles(lines)
  local expected = {}
  for line in table.concat(lines):gmatch "[^\n]+" do
    local label, secret = line:match "^(%S+) %x+ (%x+)"
    needle(label, bytes_of(secret))
    needle(label .. ", as text", secret)
    if LATER[label] then expected[#expected + 1] = label end
  end
  needle("exported key", lines.exported)
  return expected
end

local function peer_options(case)
  local options = { minVersion = "TLSv" .. case.version, maxVersion = "TLSv" .. case.version }
  if case.kind == "psk" then
    local key = read "psk"
    options.ciphers = "PSK-AES256-GCM-SHA384:TLS_AES_128_GCM_SHA256"
    options.pskCallback = case.side == "server" and function() return { psk = key, identity = "one" } end
      or function() return key end
    options.checkServerIdentity = case.side == "server" and function() end or nil
  end
  return options
end

-- What both ends can calculate.
local function note_exported(lines, socket) lines.exported = socket:exportKeyingMaterial(48, "hard") end

-- Talks to the holder, which is a server.
local function connect(case, port, lines)
  local options = peer_options(case)
  options.port, options.host, options.servername, options.ca = port, "127.0.0.1", "localhost", certs.ca.cert
  local socket
  socket = tls.connect(options, function() note_exported(lines, socket) end)
  socket:on("keylog", function(line) lines[#lines + 1] = line end)
  socket:write(read "said_to_holder")
  return socket
end

-- The other way round: `ready(port)` starts the holder.
local function listen(case, lines, ready)
  local options = peer_options(case)
  if case.kind ~= "psk" then
    options.key, options.cert, options.ca, options.requestCert = certs.rsa.key, certs.rsa.cert, certs.ca.cert, true
  end
  local server = tls.createServer(options, function(socket)
    socket:on("error", function() end)
    note_exported(lines, socket)
    socket:write(read "said_to_holder")
    socket:resume()
  end)
  server:on("keylog", function(line) lines[#lines + 1] = line end)
  server:on("tlsClientError", print)
  server:listen(0, "127.0.0.1", function() ready(server:address().port) end)
  return server
end

local function start(case, port)
  local host = BUILD .. "/hard/secrets_host"
  return Process.start { "env", case.wiped and "HOST_WIPES_OPENSSL=1" or "HOST=", host, "hard/secrets/holder.lua",
    ("%s %s"):format(case.kind, case.version), FOLDER, port }
end

-- Starts the holder and its peer. Returns the process, and what ends the peer.
local function begin(case, lines)
  if case.side == "server" then
    local holder = start(case)
    local socket = connect(case, tonumber(holder:line "PORT (%d+)\n" or error(holder.child.output, 0)), lines)
    socket:on("error", function() end)
    return holder, function() socket:destroy() end
  end
  local port
  local server = listen(case, lines, function(at) port = at end)
  Process.wait("the server's port", function() return port end)
  return start(case, port), function() server:close() end
end

local function names(found)
  local list = {}
  for name, places in pairs(found) do list[#list + 1] = ("%s at %s"):format(name, table.concat(places, " ")) end
  table.sort(list)
  return table.concat(list, "; ")
end

-- One connection. Returns what is wrong, or nil, and what was found when all was closed.
local function look(case)
  needles = {}
  text_needles()
  KINDS[case.kind].add()
  local lines = {}
  local holder, end_peer = begin(case, lines)
  if not holder:line "(HELD)\n" then error(holder.child.output, 0) end
  local pid = holder.child.handle:get_pid()
  local expected = keylog_needles(lines)
  for _, name in ipairs(KINDS[case.kind].found) do expected[#expected + 1] = name end
  expected[#expected + 1] = KINDS[case.kind].said or "what was said to it"
  local before, wrong = scan(pid, needles), nil
  for _, name in ipairs(expected) do
    if not before[name] then wrong = "not found while it was in use: " .. name end
  end
  holder:say "close"
  if not holder:line "(GONE)\n" then error(holder.child.output, 0) end
  end_peer()
  local after = scan(pid, needles)
  holder:say "end"
  local status, output = holder:finish()
  if status ~= 0 or output:find "ERROR" then wrong = ("status %d: %s"):format(status, output) end
  return wrong, after
end

-- What OpenSSL leaves in memory that it has given back, and nobody else can wipe: the secrets inside of SSL, the
-- session that it seals in a ticket, the DER that it makes of a PEM text, the last record that it has read.
local OPENSSL_LEAVES = {
  CLIENT_TRAFFIC_SECRET_0 = true, SERVER_TRAFFIC_SECRET_0 = true, EXPORTER_SECRET = true, CLIENT_RANDOM = true,
  CLIENT_HANDSHAKE_TRAFFIC_SECRET = true, SERVER_HANDSHAKE_TRAFFIC_SECRET = true,
  priv = true, privateExponent = true, prime1 = true, prime2 = true, exponent1 = true, exponent2 = true,
  coefficient = true, ["what was said to it"] = true,
}

local function label_of(case) return ("%s, %s %s"):format(case.side, case.kind, case.version) end

local function cases_of(side, wiped)
  local cases = {}
  for _, version in ipairs { "1.3", "1.2" } do
    for _, kind in ipairs { "pem", "rsa", "in_a_file", "encrypted", "pfx", "psk", "keylogged", "cleansed",
      "asked_for" } do
      if side == "server" or kind ~= "pem" then
        cases[#cases + 1] = { side = side, kind = kind, version = version, wiped = wiped }
      end
    end
  end
  return cases
end

local function sorted_names(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return #list > 0 and table.concat(list, ", ") or "nothing"
end

local function chosen(cases)
  local list = {}
  for _, case in ipairs(cases) do
    if not ONLY or ONLY == label_of(case) then list[#list + 1] = case end
  end
  return list
end

local function run_row(name, cases, note)
  cases = chosen(cases)
  if #cases == 0 then return end
  local row, left = new_row.new(name), {}
  for _, case in ipairs(cases) do
    local label = label_of(case)
    if row:takes() then
      local ok, wrong, after = co.pcall(look, case)
      for found in pairs(ok and after or {}) do
        local leaves = OPENSSL_LEAVES[found] and (case.kind ~= "cleansed" or found ~= "what was said to it")
        if not case.wiped and leaves then left[found], after[found] = true, nil end
      end
      if ok and not wrong and next(after) then wrong = names(after) end
      if ok and not wrong then row:held() else row:broke(label, tostring(wrong)) end
    end
  end
  row:finish(note or "OpenSSL itself has left: " .. sorted_names(left))
end

co.run(function()
  shell(MAKE, FOLDER, certs.dir)
  for _, side in ipairs { "server", "client" } do
    run_row("secrets of a " .. side .. ", what we leave", cases_of(side, true), "OpenSSL's memory is wiped")
    run_row("secrets of a " .. side .. ", what anybody leaves", cases_of(side, false))
  end
end)
uv.run()
new_row.exit()
