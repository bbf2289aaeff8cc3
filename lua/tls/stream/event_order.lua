--- Internal. In which order an emitter's events have got their first listeners, for eventNames() alone.
--
-- That is asked for so seldom that no emitter has a table of its own for it. An order is one node of a tree that all
-- emitters share: the path to it from the root are the events' names, each of them once. Emitters that get the same
-- listeners, as those of a server's connections do, share all nodes. An event that has lost its listeners stays in the
-- path until it gets one again, which moves it to the end.
-- @module tls.stream.event_order

local event_order = {}

local MAX_DEPTH = 24 -- names in an order: of more the oldest are forgotten, and have no place in it
local MAX_NODES = 4096 -- then a new tree is begun; the nodes of the old one are freed with their emitters

---@class tls.EventOrder
---@field name any the event that has come last
---@field parent tls.EventOrder? the order before it; nil for the root
---@field depth integer how many events there are; 0 for the root
---@field following table<any, tls.EventOrder> the order when this event comes next

local root, made

local function new_node(name, parent)
  made = made + 1
  return { name = name, parent = parent, depth = parent and parent.depth + 1 or 0, following = {} }
end

local function new_tree()
  made = 0
  root = new_node(nil, nil)
end

new_tree()

local function names_of(order)
  local names = {}
  while order and order.parent do
    names[order.depth] = order.name
    order = order.parent
  end
  return names
end

local function path_to(names)
  local node = root
  for _, name in ipairs(names) do
    local after = node.following[name] or new_node(name, node)
    node.following[name] = after
    node = after
  end
  return node
end

-- The order behind `order`, for the first time.
local function extend(order, name)
  if made > MAX_NODES then new_tree() end
  local names = {}
  for _, other in ipairs(names_of(order)) do
    if other ~= name then names[#names + 1] = other end
  end
  if #names >= MAX_DEPTH then table.remove(names, 1) end
  names[#names + 1] = name
  local node = path_to(names)
  order.following[name] = node
  return node
end

--- An event has got its first listener.
---@param order tls.EventOrder|false false when there was none before; shared
---@param name any
---@return tls.EventOrder order
function event_order.append(order, name)
  order = order or root
  return order.following[name] or extend(order, name)
end

--- The names of an emitter's events, in order.
---@param order tls.EventOrder|false
---@param events table<any, function>
---@return any[]
function event_order.sorted(order, events)
  local names, seen = {}, {}
  for _, name in ipairs(names_of(order)) do
    if events[name] then names[#names + 1] = name end
    seen[name] = true
  end
  for name in pairs(events) do
    if not seen[name] then names[#names + 1] = name end
  end
  return names
end

return event_order
