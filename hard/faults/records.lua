-- TLS's records in a stream of bytes: RFC 8446, 5.1. Bodies that are encrypted stay so.
local records = {}

records.HANDSHAKE, records.CCS = 22, 20

local HEADER = 5

local function length_of(bytes, at) return bytes:byte(at + 3) * 256 + bytes:byte(at + 4) end

--- A record of these.
function records.make(kind, body) return string.char(kind, 3, 3, math.floor(#body / 256), #body % 256) .. body end

function records.kind(record) return record:byte(1) end

--- A record whose length is `body`'s, else as `record`.
function records.with_body(record, body)
  return record:sub(1, 3) .. string.char(math.floor(#body / 256), #body % 256) .. body
end

function records.body(record) return record:sub(HEADER + 1) end

--- What takes bytes and returns the records that they have made whole. plain(record): are its messages readable?
--- @param version string "1.2" or "1.3"
function records.reader(version)
  local kept, encrypted = "", false
  local reader = {}
  function reader.feed(bytes)
    kept = kept .. bytes
    local list, at = {}, 1
    while #kept - at + 1 >= HEADER and #kept - at + 1 >= HEADER + length_of(kept, at) do
      local size = HEADER + length_of(kept, at)
      list[#list + 1] = kept:sub(at, at + size - 1)
      at = at + size
    end
    kept = kept:sub(at)
    return list
  end
  -- TLS 1.2 says when it begins to encrypt; TLS 1.3 then shows another kind.
  function reader.plain(record)
    if records.kind(record) == records.CCS and version == "1.2" then encrypted = true end
    return records.kind(record) == records.HANDSHAKE and not encrypted
  end
  function reader.rest() return kept end
  return reader
end

return records
