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

print("smoke: " .. tostring(answer) .. " (" .. package.searchpath("tls.core",
  package.cpath) .. ")")
os.exit(answer == "smoke" and 0 or 1)
