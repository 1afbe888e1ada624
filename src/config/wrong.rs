//! What a config can say wrong, and what to write instead. `%1` is the key or the table, `%2` the value, `%3` more.

use crate::limits;
use crate::text::toml::wrong::texts;

// The numbers in the texts below.
const _: () =
    assert!(limits::WORDS == 1024 && limits::LIST == 256 && limits::SERVICES == 64 && limits::NAME_BYTES == 32);
const _: () = assert!(limits::MOUNTS == 32 && limits::ROOTS == 4 && limits::PATH_BYTES == 4096);
const _: () = assert!(limits::SOCKETS == 16);

texts!(Wrong {
    TooMuch = "more is wrong than is shown; correct this first",

    UnknownTable = "unknown table [%1]; write [root], [[mount]], [service.NAME] or [service.NAME.container]",
    UnknownTableNear = "unknown table [%1]; did you mean %2",
    UnknownPart = "unknown table [%1]; write [service.%2.container]",
    NamelessService = "[service] has no name; write [service.NAME]",
    ServiceName = "%2 is no service name; write at most 32 letters, digits, - and _, a letter or digit first",
    WriteArray = "[%1] is one of several; write [[%1]]",
    WriteTable = "[[%1]] is only one; write [%1]",
    TableTwice = "[%1] is there twice; write its keys in one table",
    RootTwice = "[root] is there twice; write [[root]] for each of several",
    ManyTables = "too many tables like this; write at most 64 services, 32 mounts and 4 roots",

    UnknownKey = "unknown key %1; write one of %2",
    UnknownKeyNear = "unknown key %1; did you mean %2",
    StopInside = "%1 does not go with a container in this version of tinyo; remove it",
    KeyTwice = "%1 is there twice; write one line",
    AtTop = "%1 does not belong here; move it above the first [table]",
    UnderRoot = "%1 does not belong here; write it under [root]",
    UnderMount = "%1 does not belong here; write it under [[mount]]",
    UnderService = "%1 does not belong here; write it under [service.%2]",
    UnderContainer = "%1 does not belong here; write it under [service.%2.container]",
    Missing = "%1 is missing here; write %1 = %2",
    MissingService = "there is no [service.%1]; write that too, with its exec",

    WantBoolean = "%1 is true or false; write %1 = %2",
    WantList = "%1 is a list of strings; write %1 = [%2]",
    WantString = "%1 is a string; write %1 = \"%2\"",
    WantItem = "%1 is a list of strings; write \"%2\"",

    Empty = "%1 is empty; write a value, or remove it",
    NoItems = "%1 is empty; write %1 = [\"/path/of/program\"]",
    Long = "%1 is too long; write at most 4095 bytes",
    ManyWords = "too many items; write at most 256 in a list, 1024 in a file",
    Path = "\"%2\" is no absolute path; write %1 = \"/%2\"",
    Terminal = "\"%2\" is no absolute path; write %1 = \"/dev/%2\"",
    Choice = "%1 cannot be \"%2\"; write one of %3",
    Time = "\"%2\" is no duration; write a number with ms, s, m or h, as %1 = \"5s\"",
    CrashLimit = "\"%2\" is no crash limit; write %1 = \"5 in 60s\"",
    Signal = "\"%2\" is no signal; write a name of signal(7), as %1 = \"TERM\"",
    User = "\"%2\" is no user; write USER or USER:GROUP, names or numbers",
    Group = "\"%2\" is no group; write its name or number",
    Amount = "%1 is %3",
    HostName = "\"%2\" is no host name; write at most 64 letters, digits, - and dots, a letter or digit first",
    Ip = "%1 cannot have \"%2\"; write %1 = \"10.0.0.2::10.0.0.1:255.255.255.0::eth0:off\", or a DHCP client as a service",
    Source = "\"%2\" is no device; write /dev/NAME, UUID=, LABEL=, PARTUUID=, PARTLABEL= or MAJOR:MINOR",
    Log = "%1 cannot be \"%2\"; write one of %3, service:NAME, or an absolute path",
    Network = "%1 cannot be \"%2\"; write one of %3, service:NAME, or netns:/PATH",
    ReadyOneshot = "%1 does not go with type = \"oneshot\", which is done when it has ended; remove it",
    Module = "\"%2\" is no module; write a name of letters, digits, - and _, and options behind it",
    Variable = "\"%2\" has no value; write \"NAME=VALUE\"",
    EnvFile = "\"%2\" is no absolute path; write \"/%2\", or \"-/PATH\" for what may be missing",
    Ulimit = "\"%2\" is no ulimit; write \"NAME=SOFT:HARD\" of setrlimit(2), as \"nofile=1024:4096\" or \"core=unlimited\"",
    Cgroup = "\"%2\" is no setting of a cgroup; write \"NAME=VALUE\" with a controller's file, as \"memory.high=24M\"",
    Setting = "\"%2\" is no setting; write \"NAME=VALUE\", as \"kernel.panic=5\"",
    OwnSetting = "\"%2\" is the whole machine's; write it under sysctl at the top of the file",
    SharedSetting = "\"%2\" is of a network that is not the container's own; write it where that is made",
    Volume = "\"%2\" is no volume; write \"/SOURCE:/TARGET\", with :ro behind it for read-only",
    NamedVolume = "\"%2\" has no path as its source, and there are no named volumes; write \"/SOURCE:/TARGET\"",
    Overlay = "\"%2\" is no overlay; write %1 = \"tmpfs:64M\", or the path of a directory",
    RootOverlay = "\"%2\" is no overlay; write %1 = \"tmpfs:64M\", or a device, as /dev/NAME or LABEL=",
    Tmpfs = "\"%2\" is no tmpfs; write \"/PATH\" or \"/PATH:OPTIONS\"",
    Device = "\"%2\" is no device; write \"/dev/NAME\" or \"/SOURCE:/dev/TARGET\"",
    DeviceTarget = "\"%2\" is not below /dev in the container; write \"/SOURCE:/dev/TARGET\"",
    DeviceAccess = "\"%2\" wants a device cgroup, which this version of tinyo has not; write :rw",
    Capability = "\"%2\" is no capability; write a name of capabilities(7), or ALL",
    Address = "\"%2\" is no address; write \"tcp:PORT\", \"udp:PORT\" or \"unix:/PATH\"",
    ManySockets = "too many addresses; write at most 16 for one service",
    Ready = "%1 cannot be \"%2\"; write one of %3, N being 3 to 255",
    ReadyTaken = "ready names the number of a socket of listen; write ready = \"fd:19\"",
    Near = "\"%2\" is not known in %1; did you mean \"%3\"",

    ManyLinks = "too many names of services; write at most 256 in all after, requires and from of a file",
    NoService = "%1 names \"%2\", which is no service; write [service.%2] too, or correct the name",
    NoServiceNear = "%1 names \"%2\", which is no service; did you mean \"%3\"",
    NoNetwork = "%1 names \"%2\", which has no network of its own; write network = \"none\" in [service.%2.container]",
    OthersNetwork = "%1 names \"%2\", but a user namespace of its own joins no other's; leave userns out",
    Circle = "services that wait for each other: %2; remove one of their after or requires",
    FromCircle = "from = \"%2\" comes back to itself; write a root there",
    FromNothing = "from = \"%2\" copies nothing; write [service.%2.container]",
    FromBroken = "from = \"%2\" copies what has errors; correct [service.%2] first",
});
