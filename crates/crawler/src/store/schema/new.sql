-- The tables of a new store, as the steps of schema.rs leave them.

create table notes (name text primary key, value text not null) without rowid;

create table hosts (
    id integer primary key,
    name text not null unique,
    own_delay integer not null,               -- ms, as the options say
    slots integer not null,                   -- requests at once, 0 for no limit
    crawl_delay integer not null default 0,   -- ms, as robots.txt says
    penalty integer not null default 0,       -- ms, for 429 and Retry-After; it fades
    slowed_at integer not null default 0,     -- when the penalty grew last
    latency integer not null default 0,       -- ms, smoothed
    delay integer generated always as         -- ms from the end of a response to the next request
        (max(own_delay, crawl_delay, penalty, iif(own_delay > 0, min(latency, 60000), 0))) virtual,
    next_at integer not null default 0,
    robots_owner text,
    robots_until integer not null default 0,
    robots_status integer,
    robots_body blob,
    robots_failures integer not null default 0,
    waiting integer not null default 0,
    busy integer not null default 0,
    done integer not null default 0,
    robots_url text,                               -- where redirects lead to so far
    robots_host integer references hosts (id),     -- its host
    robots_hops integer not null default 0         -- how many
);
-- The host of all that is out of scope.
insert into hosts (id, name, own_delay, slots) values (0, '', 0, 0);

create table urls (
    id integer primary key,
    key blob not null unique,        -- 128 bits of the canonical URL
    url text not null,
    host integer not null references hosts (id),
    state integer not null check (state between 0 and 5),
    depth integer not null,
    hops integer not null default 0, -- redirects in a row
    priority integer not null default 0,
    attempts integer not null default 0,
    waits integer not null default 0, -- how often it was asked to come later
    not_before integer not null default 0,
    owner text,
    kind text,
    message text,
    status integer,
    leads_to integer references urls (id), -- of a redirect
    seed integer references urls (id),     -- the seed that leads here by redirects alone
    reopened integer not null default 0,
    shortened integer not null default 0,
    sitemap integer not null default 0,    -- 0 is a page; a sitemap is one more than the indexes that led to it
    phase text,                            -- of a time limit that ran out
    elapsed_ms integer not null default 0, -- of the last try
    check ((state = 1) = (owner is not null))
);

create table seeds (given text primary key, url integer not null references urls (id)) without rowid;

create table pages (
    url integer primary key references urls (id),
    bytes integer not null,
    records integer not null,
    status integer,
    hash text,
    etag text,
    modified text,
    fetched_at integer
);

create table records (
    id integer primary key autoincrement,
    page integer not null references pages (url),
    place integer not null,
    body text not null,
    unique (page, place)
);

create table dropped (
    page integer not null references pages (url),
    place integer not null,
    message text not null,
    primary key (page, place)
) without rowid;

-- Only where depth is limited: a shorter way to a page is a shorter way to what it links to.
create table links (
    source integer not null references urls (id),
    target integer not null references urls (id),
    deeper integer not null,
    primary key (source, target)
) without rowid;

create table tally (
    discovered integer not null,     -- counted as rows are made, so that a lost one is noticed
    pending integer not null, leased integer not null, done integer not null,
    failed integer not null, refused integer not null, skipped integer not null,
    removed integer not null         -- how often records were taken away
);
insert into tally values (0, 0, 0, 0, 0, 0, 0, 0);

create index urls_in_turn on urls (state, host, not_before, priority desc, depth, id);
create index urls_reopened on urls (reopened) where reopened > 0;
create index urls_shortened on urls (shortened) where shortened > 0;
create index hosts_in_turn on hosts (next_at, id) where waiting > 0;

create table patterns (
    host integer not null references hosts (id),
    pattern text not null,
    count integer not null,
    primary key (host, pattern)
) without rowid;

create table changes (
    id integer primary key autoincrement,
    round integer not null,
    url integer not null references urls (id),
    what text not null check (what in ('added', 'changed', 'gone')),
    before text,
    after text
);

create table runs (
    id integer primary key,
    owner text not null unique,
    started integer not null,        -- ms of the Unix epoch, as the next
    seen integer not null,
    fetched integer not null default 0,
    bytes integer not null default 0
);

create trigger url_added after insert on urls begin
    update tally set discovered = discovered + 1, pending = pending + (new.state = 0), leased = leased + (new.state = 1),
        done = done + (new.state = 2), failed = failed + (new.state = 3), refused = refused + (new.state = 4),
        skipped = skipped + (new.state = 5);
    update hosts set waiting = waiting + 1 where id = new.host and new.state = 0;
end;
create trigger url_moved after update of state on urls when old.state <> new.state begin
    update tally set pending = pending + (new.state = 0) - (old.state = 0), leased = leased + (new.state = 1) - (old.state = 1),
        done = done + (new.state = 2) - (old.state = 2), failed = failed + (new.state = 3) - (old.state = 3),
        refused = refused + (new.state = 4) - (old.state = 4), skipped = skipped + (new.state = 5) - (old.state = 5);
    update hosts set waiting = waiting + (new.state = 0) - (old.state = 0), busy = busy + (new.state = 1) - (old.state = 1),
        done = done + (new.state = 2) - (old.state = 2) where id = new.host;
end;
