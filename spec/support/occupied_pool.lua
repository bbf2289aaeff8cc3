-- Occupies libuv's pool: each of its threads waits until somebody writes to a FIFO.
--
--   occupied_pool(function(release) ... end)
local helper = require "spec.helper"

local uv = helper.uv
local MODE = tonumber("600", 8)

--- Calls `fn` with the function that lets the threads go on. Nothing else that is given to the pool begins before that.
return function(fn)
  local fifo, left, writer = os.tmpname(), tonumber(os.getenv "UV_THREADPOOL_SIZE") or 4, nil
  os.remove(fifo)
  assert(os.execute("mkfifo " .. fifo))
  local opened = helper.expect(function(err, fd)
    assert(not err, err)
    uv.fs_close(fd)
    left = left - 1
    if left > 0 then return end
    uv.fs_close(writer)
    os.remove(fifo)
  end, left)
  for _ = 1, left do uv.fs_open(fifo, "r", MODE, opened) end
  local function release() writer = writer or assert(uv.fs_open(fifo, "r+", MODE)) end
  helper.on_failure(release) -- or the process would wait for these threads at its end
  fn(release)
end
