-- The installed rock, away from the checkout: one TLS echo with a throw-away
-- certificate. Exit status 0 when it came back.
local uv = require "luv"
local tls = require "tls"

local dir = os.tmpname()
os.remove(dir)
local made = os.execute("mkdir " .. dir .. " && openssl req -x509 -newkey " ..
  "rsa:2048 -nodes -keyout " .. dir .. "/key -out " .. dir .. "/cert " ..
  "-subj /CN=localhost -addext subjectAltName=DNS:localhost -days 1 " ..
  ">/dev/null 2>&1")
assert(made == true or made == 0, "openssl could not make a certificate")

local function read(name)
  local f = assert(io.open(dir .. "/" .. name))
  local text = f:read "*a"
  f:close()
  return text
end

local key, cert = read "key", read "cert"
os.execute("rm -r " .. dir)

local answer
local server = tls.createServer({ key = key, cert = cert }, function(socket)
  socket:pipe(socket)
end)
server:listen(0, function()
  local port = server:address().port
  local client
  client = tls.connect(port, "localhost", { ca = cert }, function()
    client:finish "smoke"
  end)
  client:on("data", function(data) answer = (answer or "") .. data end)
  client:on("close", function() server:close() end)
end)
uv.run()

-- As package.searchpath, which Lua 5.1 does not have.
local function place(name)
  for template in package.cpath:gmatch "[^;]+" do
    local path = template:gsub("%?", (name:gsub("%.", "/")))
    local file = io.open(path)
    if file then return path, file:close() end
  end
end

print("smoke: " .. tostring(answer) .. " (" .. tostring((place "tls.core")) .. ")")
os.exit(answer == "smoke" and 0 or 1)
