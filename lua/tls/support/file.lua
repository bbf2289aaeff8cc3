--- Internal. Files that are read whole, at once.
-- @module tls.support.file

local uv = require "luv"
local errors = require "tls.support.errors"

local file = {}

local PIECE = 65536

local function failed(err, syscall, path)
  local code = tostring(err):match "^[%u%d_]+"
  local reason = tostring(err):match "^[%u%d_]+: ([^:]+)"
  return errors.with_reason(reason and code .. ": " .. reason or code, syscall, { path = path })
end

-- Up to the end, or to one byte more than `most`: what is no regular file (a pipe, a device) does not say its size.
local function read_pieces(fd, most)
  local pieces, size = {}, 0
  while size <= most do
    local piece, err = uv.fs_read(fd, math.min(PIECE, most + 1 - size), -1)
    if not piece then return nil, err end
    if piece == "" then break end
    pieces[#pieces + 1], size = piece, size + #piece
  end
  return table.concat(pieces), size
end

--- Reads a file. One that is a pipe is waited for.
--- @param path string
--- @param most integer bytes
--- @return string? text nil when it cannot be read
--- @return table? err with `code` (ENOENT, EACCES, EISDIR, ...; ERR_FS_FILE_TOO_LARGE), `syscall` and `path`
function file.read(path, most)
  local fd, open_error = uv.fs_open(path, "r", 0)
  if not fd then return nil, failed(open_error, "open", path) end
  local text, size = read_pieces(fd, most)
  uv.fs_close(fd)
  if not text then return nil, failed(size, "read", path) end
  if size <= most then return text end
  return nil, errors.new("ERR_FS_FILE_TOO_LARGE",
    ("%s has more than %d MiB"):format(path, math.floor(most / 2 ^ 20)), { syscall = "read", path = path })
end

return file
