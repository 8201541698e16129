# SPDX-License-Identifier: MIT
"""The address policy. Every denied form ends as destination_denied before a connection leaves.

The proof of silence is twofold: a listener on every address of this machine counts what arrives, and
strace shows that connect() is never called for a denied destination.
"""

import os
import re
import shutil
import subprocess

import pytest

from lib import preload
from lib.api import SUBMISSIONS, check_problem
from lib.daemon import end_tracer
from lib.origins import ScriptedOrigin, ok_answer
from lib.wait import wait_until

PORT = "{port}"

# Everything that means this machine, in every spelling that a resolver or parser understands.
LOOPBACK = [
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "2130706433", "017700000001", "0x7f000001",
    "0x7f.1", "0x7f.0.0.1", "0177.0.0.1", "0177.0.0.01", "127.0x0.0.1", "%31%32%37.0.0.1", "127%2e0%2e0%2e1",
    "0", "0.0.0.0", "0.0", "0x0", "00.0.0.0",
    "localhost", "LOCALHOST", "a.localhost",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]", "[2002:7f00:1::1]",
]

# Private, special and reserved space: first and last address of each range.
SPECIAL = [
    "0.0.0.1", "0.255.255.255", "10.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.64.0.1", "100.127.255.255",
    "169.254.0.1", "169.254.169.254", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.1", "192.0.0.255",
    "192.0.2.1", "192.0.2.255", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.1", "198.19.255.255",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.254", "255.255.255.255",
    "168.63.129.16", "2852039166",
    "[::2]", "[::ffff:8.8.8.8]", "[::ffff:10.0.0.1]", "[::10.0.0.1]", "[64:ff9b::808:808]", "[64:ff9b:1::1]", "[100::1]",
    "[1fff:ffff::1]", "[2001::1]", "[2001:0:1::1]", "[2001:10::1]", "[2001:1ff:ffff::1]", "[2001:db8::1]",
    "[2001:db8:ffff::1]", "[2002::1]", "[2002:a00:1::1]", "[3fff::1]", "[3fff:fff:ffff::1]", "[4000::1]", "[5f00::1]",
    "[fc00::1]", "[fd00:ec2::254]", "[fdff:ffff::1]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[ff0e::1]",
]

# Forms that a submission refuses by their shape alone.
REFUSED_AT_ONCE = [
    "http://[fe80::1%25lo]:{port}/", "http://user@127.0.0.1:{port}/", "http://user:pw@127.0.0.1:{port}/",
    "http://8.8.8.8\\@127.0.0.1:{port}/", "http://127.0.0.1:{port}\\@8.8.8.8/", "http://127.0.0.1\t:{port}/",
    "file:///etc/passwd", "FILE:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:{port}/_x", "dict://127.0.0.1:{port}/",
    "ldap://127.0.0.1/", "tftp://127.0.0.1/x", "smb://127.0.0.1/x", "scp://127.0.0.1/x", "telnet://127.0.0.1:{port}/",
    "ws://127.0.0.1:{port}/", "unix:///run/x", "javascript:alert(1)", "data:text/plain,x", "//127.0.0.1:{port}/", "127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/", "http:127.0.0.1", " http://127.0.0.1:{port}/", "http://127.0.0.1:{port}/ x",
    "http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://127.0.0.1:-1/", "http://127.0.0.1:22/", "http://127.0.0.1:25/",
    "http://127.0.0.1:1023/", "http://", "http://?", "http://#", "http://:80/", "http://[/", "http://[::1/", "http://[::1]x/",
]

# Denied, or not even a name: it must not arrive, whatever it is called.
NEVER_ARRIVES = [
    "http:///127.0.0.1:{port}/", "http://localhost.:{port}/", "http://127.0.0.1.:{port}/", "http://①②⑦.⓪.⓪.①:{port}/", "http://１２７.０.０.１:{port}/",
    "http://127。0。0。1:{port}/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/", "http://xn--/", "http://[::1%25]:{port}/", "http://127.0.0.1:{port}#@8.8.8.8/",
    "http://1270000000001:{port}/", "http://127.0.0.256:{port}/", "http://4294967297:{port}/", "http://0x100000001:{port}/",
    "http://localhost%00.example:{port}/", "http://127.0.0.1%00:{port}/", "http://127.0.0.1%2f:{port}/", "http://127.0.0.1%20:{port}/",
]


@pytest.fixture(scope="module")
def strict(make_module_daemon):
    """A daemon with the default policy: nothing on this machine may be fetched."""
    return make_module_daemon(fetch_connect_timeout_ms=3000, fetch_total_timeout_ms=5000)


def submit(client, url):
    return client.post({"type": "http-fetch", "args": {"url": url}})


def denied(client, url, timeout=60):
    """The fetch must end as destination_denied; returns its message."""
    response = submit(client, url)
    assert response.status == 202, (url, response)
    failure = client.failure(response.json["id"], timeout)
    assert failure["code"] == "destination_denied", (url, failure)
    state = client.get(f"{SUBMISSIONS}/{response.json['id']}").json
    assert state["attempts"] == 1, "a denial is never tried again"
    return failure["message"]


class TestDefaultPolicy:
    @pytest.mark.parametrize("host", LOOPBACK)
    def test_no_spelling_of_this_machine_is_reached(self, strict, listener, host):
        with strict.client() as client:
            denied(client, f"http://{host}:{listener.port}/")
            denied(client, f"https://{host}:{listener.port}/")
        assert listener.count == 0, listener.peers

    def test_special_ranges_are_denied(self, strict):
        with strict.client() as client:
            for host in SPECIAL:
                message = denied(client, f"http://{host}/")
                assert message

    @pytest.mark.parametrize("url", REFUSED_AT_ONCE)
    def test_misshapen_url_is_refused_at_once(self, strict, listener, url):
        with strict.client() as client:
            check_problem(submit(client, url.format(port=listener.port)), 400, ["/args/url"])
        assert listener.count == 0

    @pytest.mark.parametrize("url", NEVER_ARRIVES)
    def test_doubtful_url_never_arrives(self, strict, listener, url):
        with strict.client() as client:
            response = submit(client, url.format(port=listener.port))
            if response.status == 202:
                answer = client.result(response.json["id"])
                assert answer["status"] == "FAILED", (url, answer)
                assert answer["result"]["code"] in ("destination_denied", "dns", "invalid_argument"), (url, answer)
            else:
                check_problem(response, 400, ["/args/url"])
        assert listener.count == 0

    def test_the_message_does_not_tell_the_address(self, strict):
        with strict.client() as client:
            message = denied(client, "http://localhost:9999/")
        assert "127.0.0.1" not in message and "::1" not in message

    def test_the_answer_does_not_tell_the_address(self, strict):
        with strict.client() as client:
            task_id = client.fetch("http://localhost:9999/")
            client.wait_final(task_id)
            body = client.get(f"/tasks/{task_id}").body
        assert b"127.0.0.1" not in body and b"::1" not in body

    @pytest.mark.root
    @pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
    @pytest.mark.skipif(os.geteuid() != 0, reason="tracing a process needs root here")
    def test_no_connect_call_is_made(self, make_daemon, tmp_path):
        daemon = make_daemon()
        trace = tmp_path / "trace"
        tracer = subprocess.Popen(
            ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-e", "signal=none", "-o", trace, "-p", str(daemon.pid)],
            stderr=subprocess.PIPE)
        try:
            with daemon.client() as client:
                # The tracer is attached once it sees our own traffic.
                wait_until(lambda: client.get("/healthz").status == 200 and trace.exists() and trace.stat().st_size > 0)
                for host in LOOPBACK + SPECIAL:
                    if "localhost" not in host.lower():
                        denied(client, f"http://{host}/")
        finally:
            end_tracer(tracer)
        connects = [line for line in trace.read_text().splitlines() if re.search(r"connect\([0-9]+, \{sa_family=AF_INET", line)]
        assert connects == []


class TestRedirects:
    """An allowed origin at 127.0.0.2 sends the fetch into denied space."""

    @pytest.fixture(scope="class")
    def partly(self, make_module_daemon):
        return make_module_daemon(fetch_allow=["127.0.0.2/32"], fetch_connect_timeout_ms=3000, fetch_total_timeout_ms=5000)

    @pytest.mark.parametrize("host", [host for host in LOOPBACK if host != "127.0.0.2"])
    def test_redirect_to_this_machine(self, partly, listener, host):
        location = f"http://{host}:{listener.port}/"
        reply = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        with ScriptedOrigin(reply, host="127.0.0.2") as origin, partly.client() as client:
            denied(client, origin.url())
            assert len(origin.requests) == 1
        assert listener.count == 0

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("location", ["http://169.254.169.254/latest/", "http://10.0.0.1/", "http://[fd00:ec2::254]/", "//127.0.0.1:{port}/"])
    def test_every_redirect_status(self, partly, listener, status, location):
        location = location.format(port=listener.port)
        reply = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        with ScriptedOrigin(reply, host="127.0.0.2") as origin, partly.client() as client:
            denied(client, origin.url())
        assert listener.count == 0

    @pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1:{port}/", "gopher://127.0.0.1:{port}/_x", "dict://127.0.0.1:{port}/x", "http://user:pw@127.0.0.1:{port}/"])
    def test_redirect_to_another_scheme_or_with_credentials(self, partly, listener, location):
        location = location.format(port=listener.port)
        reply = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        with ScriptedOrigin(reply, host="127.0.0.2") as origin, partly.client() as client:
            answer = client.result(client.fetch(origin.url()))
            assert answer["status"] == "FAILED"
            assert answer["result"]["code"] in ("unsupported_scheme", "destination_denied", "protocol"), answer
        assert listener.count == 0

    def test_second_hop(self, partly, listener):
        """Two allowed hops, then a denied one."""
        with ScriptedOrigin(host="127.0.0.2") as last, ScriptedOrigin(host="127.0.0.2") as first:
            def to(url):
                return f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()

            first.answer, last.answer = to(last.url()), to(f"http://127.0.0.1:{listener.port}/")
            with partly.client() as client:
                denied(client, first.url())
            assert len(first.requests) == len(last.requests) == 1
        assert listener.count == 0


class TestOperatorLists:
    def test_deny_wins_over_allow(self, make_daemon, listener):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8", "127.0.0.1/32"], fetch_deny=["127.0.0.1/32"])
        with daemon.client() as client:
            denied(client, f"http://127.0.0.1:{listener.port}/")
            assert listener.count == 0
            assert client.result(client.fetch(f"http://127.0.0.2:{listener.port}/"))["result"] == "secret"
        assert listener.count == 1

    def test_allow_opens_what_it_names_and_no_more(self, make_daemon, listener):
        daemon = make_daemon(fetch_allow=["127.0.0.4/30"])
        with daemon.client() as client:
            for host, open_ in (("127.0.0.3", False), ("127.0.0.4", True), ("127.0.0.7", True), ("127.0.0.8", False)):
                url = f"http://{host}:{listener.port}/"
                if open_:
                    assert client.result(client.fetch(url))["result"] == "secret"
                else:
                    denied(client, url)
            denied(client, f"http://[::1]:{listener.port}/")
            denied(client, f"http://[::ffff:127.0.0.3]:{listener.port}/")
        assert sorted(listener.peers) == ["::ffff:127.0.0.4", "::ffff:127.0.0.7"]

    def test_ipv6_allow(self, make_daemon, listener):
        daemon = make_daemon(fetch_allow=["::1/128"])
        with daemon.client() as client:
            assert client.result(client.fetch(f"http://[::1]:{listener.port}/"))["result"] == "secret"
            denied(client, f"http://127.0.0.1:{listener.port}/")
        assert listener.peers == ["::1"]

    @pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "2130706433", "localhost"])
    def test_deny_holds_in_every_spelling(self, make_daemon, listener, host):
        daemon = make_daemon(fetch_allow=["0.0.0.0/0", "::/0"], fetch_deny=["127.0.0.1/32", "::1/128"])
        with daemon.client() as client:
            denied(client, f"http://{host}:{listener.port}/")
        assert listener.count == 0

    def test_deny_of_a_public_address(self, make_daemon):
        daemon = make_daemon(fetch_deny=["8.8.8.0/24", "2001:4860::/32"])
        with daemon.client() as client:
            denied(client, "http://8.8.8.8/")
            denied(client, "http://[2001:4860:4860::8888]/")

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]", "127.0.0.9", "0.0.0.0"])
    def test_our_own_port_is_denied_even_when_loopback_is_allowed(self, make_daemon, host):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8", "::/0", "0.0.0.0/0"])
        with daemon.client() as client:
            denied(client, f"http://{host}:{daemon.address[1]}/healthz")

    def test_our_own_port_is_denied_as_a_redirect(self, make_daemon):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
        reply = (f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{daemon.address[1]}/healthz\r\n"
                 "Content-Length: 0\r\nConnection: close\r\n\r\n").encode()
        with ScriptedOrigin(reply) as origin, daemon.client() as client:
            denied(client, origin.url())


class TestEnvironment:
    NAMES = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]

    def test_proxy_variables_are_not_obeyed(self, make_daemon, listener):
        env = {name: f"http://127.0.0.1:{listener.port}/" for name in self.NAMES}
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_connect_timeout_ms=1500, env=env)
        with ScriptedOrigin(ok_answer(b"direct")) as origin, daemon.client() as client:
            assert client.result(client.fetch(origin.url()))["result"] == "direct"
            client.wait_final(client.fetch(f"https://127.0.0.1:{origin.port}/"))
        assert listener.count == 0

    def test_a_proxy_does_not_lift_the_policy(self, make_daemon, listener):
        env = {name: f"http://127.0.0.1:{listener.port}/" for name in self.NAMES}
        daemon = make_daemon(env=env)
        with daemon.client() as client:
            denied(client, "http://10.0.0.1/")
            denied(client, "http://127.0.0.1:9999/")
            denied(client, "https://169.254.169.254/")
        assert listener.count == 0

    def test_no_proxy_and_socks(self, make_daemon, listener):
        env = {"ALL_PROXY": f"socks5://127.0.0.1:{listener.port}", "NO_PROXY": "nothing", "all_proxy": f"socks5h://127.0.0.1:{listener.port}"}
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], env=env)
        with ScriptedOrigin(ok_answer(b"direct")) as origin, daemon.client() as client:
            assert client.result(client.fetch(origin.url()))["result"] == "direct"
        assert listener.count == 0

    def test_no_credentials_from_files_of_the_home_directory(self, make_daemon, tmp_path):
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login secret password secret\ndefault login secret password secret\n")
        (tmp_path / ".netrc").chmod(0o600)
        (tmp_path / ".curlrc").write_text('header = "X-Secret: yes"\nuser = "a:b"\n')
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], env={"HOME": str(tmp_path), "CURL_HOME": str(tmp_path)})
        with ScriptedOrigin(ok_answer(b"x")) as origin, daemon.client() as client:
            client.wait_final(client.fetch(origin.url()))
            sent = origin.requests[0].lower()
        assert b"authorization" not in sent and b"secret" not in sent and b"cookie" not in sent


# Names -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fake_dns(tmp_path_factory):
    """The preloaded name service, from the build or made here."""
    return preload.library("fake_dns", tmp_path_factory.mktemp("preload"))


@pytest.fixture
def make_resolving(make_daemon, fake_dns):
    """make_resolving("name=answers;...", settings) starts a daemon with that name service."""

    def make(mapping, **settings):
        env = {"LD_PRELOAD": str(fake_dns), "TASKQ_FAKE_DNS": mapping}
        limits = {"fetch_connect_timeout_ms": 3000, "fetch_total_timeout_ms": 6000}
        return make_daemon(env=env, **{**limits, **settings})

    return make


class TestNames:
    @pytest.mark.parametrize(
        "answer",
        ["127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "10.0.0.1", "169.254.169.254",
         "168.63.129.16", "fd00:ec2::254", "fe80::1", "100.64.0.1", "2002:7f00:1::", "255.255.255.255", "224.0.0.1",
         "127.0.0.1,::1,10.0.0.1"],
    )
    def test_name_of_a_denied_address(self, make_resolving, listener, answer):
        daemon = make_resolving(f"*.test={answer}")
        with daemon.client() as client:
            message = denied(client, f"http://a.test:{listener.port}/")
            denied(client, f"https://b.test:{listener.port}/")
            task_id = client.fetch(f"http://c.test:{listener.port}/")
            client.wait_final(task_id)
            told = client.get(f"/tasks/{task_id}").body.decode()
        for address in answer.split(","):
            assert address not in message
            assert len(address) < 4 or address not in told, "the resolved address is nobody's business"
        assert listener.count == 0

    @pytest.mark.parametrize("answers", ["127.0.0.2|127.0.0.1", "127.0.0.1|127.0.0.2", "127.0.0.2|::1|127.0.0.1", "127.0.0.2|127.0.0.2|127.0.0.1"])
    def test_rebinding(self, make_resolving, listener, answers):
        """Whatever the name answers next, only the allowed address is ever connected to."""
        daemon = make_resolving(f"*.test={answers}", fetch_allow=["127.0.0.2/32"])
        outcomes = set()
        with daemon.client() as client:
            for number in range(12):
                task_id = client.fetch(f"http://r{number}.test:{listener.port}/")
                answer = client.result(task_id)
                if answer["status"] == "SUCCEEDED":
                    outcomes.add("SUCCEEDED")
                else:
                    outcomes.add(answer["result"]["code"])
        assert outcomes == {"SUCCEEDED", "destination_denied"}
        assert set(listener.peers) == {"::ffff:127.0.0.2"}

    def test_rebinding_between_hops(self, make_resolving, listener):
        """The first hop answers from the allowed address, the redirect names the same host again."""
        daemon = make_resolving("one.test=127.0.0.2;two.test=127.0.0.1", fetch_allow=["127.0.0.2/32"])
        listener.redirect_to(f"http://two.test:{listener.port}/")
        with daemon.client() as client:
            denied(client, f"http://one.test:{listener.port}/")
        assert listener.peers == ["::ffff:127.0.0.2"]

    @pytest.mark.parametrize("answer", ["10.0.0.1,127.0.0.2", "127.0.0.2,10.0.0.1", "127.0.0.1,127.0.0.2", "127.0.0.2,127.0.0.1", "::1,127.0.0.2", "127.0.0.2,::1"])
    def test_mixed_answers_dial_only_what_is_allowed(self, make_resolving, listener, answer):
        daemon = make_resolving(f"mixed.test={answer}", fetch_allow=["127.0.0.2/32"])
        with daemon.client() as client:
            assert client.result(client.fetch(f"http://mixed.test:{listener.port}/"))["result"] == "secret"
        assert set(listener.peers) == {"::ffff:127.0.0.2"}

    def test_mixed_answer_whose_allowed_part_refuses(self, make_resolving, listener):
        """127.0.0.3 is allowed and closed; the denied one listens. It must stay alone."""
        daemon = make_resolving("mixed.test=127.0.0.1,127.0.0.3", fetch_allow=["127.0.0.3/32"], fetch_deny=["127.0.0.1/32"])
        with ScriptedOrigin(ok_answer(b"no"), host="127.0.0.1") as origin, daemon.client() as client:
            failure = client.failure(client.fetch(f"http://mixed.test:{origin.port}/"))
            assert failure["code"] in ("connect", "destination_denied")
            assert origin.requests == [] and origin.running_peak == 0

    def test_name_that_does_not_exist(self, make_resolving):
        daemon = make_resolving("gone.test=!")
        with daemon.client() as client:
            assert client.failure(client.fetch("http://gone.test/"))["code"] == "dns"

    def test_slow_name_service_ends_in_time_and_delays_nobody(self, make_resolving, tmp_path):
        """The name service says nothing until the gate opens: whatever ends before, did not wait for it."""
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        daemon = make_resolving(
            f"slow.test=127.0.0.2@{gate};*.test=127.0.0.2", fetch_allow=["127.0.0.2/32"], fetch_connect_timeout_ms=500)
        with ScriptedOrigin(ok_answer(b"quick"), host="127.0.0.2") as origin, daemon.client() as client:

            def others_are_fetched(word):
                # Where the machine is slow they may be out of time as well, and are fetched then.
                tasks = [
                    client.submit("http-fetch", {"url": f"http://{word}{number}.test:{origin.port}/"},
                                  retry={"max_attempts": 100, "backoff_ms": 0}) for number in range(50)]
                assert all(client.result(task_id)["result"] == "quick" for task_id in tasks)

            slow = client.submit("http-fetch", {"url": f"http://slow.test:{origin.port}/"}, retry={"max_attempts": 1})
            others_are_fetched("during")
            failure = client.failure(slow)
            assert (failure["code"], failure["message"]) == ("timeout", "Timed out resolving the host name")
            others_are_fetched("after")
            # The lookup still waits, or nobody could open the gate without one who reads.
            os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
            others_are_fetched("then")

    def test_name_on_our_own_port(self, make_resolving):
        daemon = make_resolving("self.test=127.0.0.1", fetch_allow=["127.0.0.0/8"])
        with daemon.client() as client:
            denied(client, f"http://self.test:{daemon.address[1]}/healthz")
