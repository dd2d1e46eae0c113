"""The two families of packages behind one set of names, for the install test: what an operator types, and how the author of a
plugin makes a package of it. Repositories lie in /repository, NAME and NAME-next."""
import glob
import pathlib
import re

from steps import expect, run

PLUGIN_CONF = ("[auth]\ntrigger = static-token\nrun = static-token, session\n"
               "[plugins.static-token]\ntoken_file = /etc/usher/static-token\n")


class Apt:
    """Debian's: apt-get, dpkg, debhelper."""
    PACKAGES = ["usherd", "usherd-auth-apikey", "usherd-auth-oidc", "usherd-auth-webhook", "usherctl", "usher-plugin-dev"]
    UNITS = "/lib/systemd/system/"
    KEEPS_CONFIGURATION = True  # remove leaves /etc/usher, purge takes it and the data

    def _apt(self, *words):
        return run("apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0", *words)

    def repository(self, name):
        pathlib.Path("/etc/apt/sources.list.d/usher.list").write_text(f"deb [trusted=yes] file:/repository/{name} ./\n")
        self._apt("update")

    def install(self, *names):
        self._apt("install", *names)

    def upgrade(self):
        self._apt("install", "--only-upgrade", *self.PACKAGES)

    def downgrade(self, version):
        self._apt("install", "--allow-downgrades", *(f"{name}={version}" for name in self.PACKAGES))

    def remove(self, *names):
        return self._apt("remove", *names)

    def purge(self, *names):
        self._apt("purge", *names)

    def version(self, name):
        return run("dpkg-query", "-W", "-f", "${Version}", name)

    def restarts(self):
        """What an upgrade restarts, says the package's script."""
        lines = pathlib.Path("/var/lib/dpkg/info/usherd.postinst").read_text().splitlines()
        return re.findall(r"'([^']*)'", " ".join(line for line in lines if "invoke $_dh_action" in line or "invoke restart" in line))

    def needs_the_interface(self, name):
        return "usher-auth-abi-1" in run("dpkg-query", "-W", "-f", "${Depends}", name)

    def size(self, name):
        """What installing it takes, by what dpkg says of each package: itself, and what a minimal Debian has not."""
        sizes, needs, minimal = {}, {}, ["apt"]
        form = "${Package}\t${Installed-Size}\t${Essential} ${Priority}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
        providers = {}
        for line in run("dpkg-query", "-W", "-f", form).splitlines():
            package, size, rank, wants, gives = line.split("\t")
            sizes[package] = int(size)
            needs[package] = [re.split(r"[ :(]", word.strip())[0] for clause in wants.split(",") for word in clause.split("|")]
            for word in gives.split(","):
                providers.setdefault(re.split(r"[ (]", word.strip())[0], package)
            if rank.split() in (["yes", "required"], ["no", "required"], ["required"]):
                minimal.append(package)

        def closure(names):
            found, queue = set(), list(names)
            while queue:
                package = queue.pop()
                package = package if package in sizes else providers.get(package)
                if package and package not in found:
                    found.add(package)
                    queue += needs[package]
            return found

        base = closure(minimal)
        beyond = closure([name]) - base - {name}
        without_systemd = beyond - closure(["systemd"])
        megabytes = lambda packages: f"{sum(sizes[one] for one in packages) / 1024:.1f} MB"
        return (f"; {name} takes {megabytes([name])}, its dependencies {megabytes(beyond)} beyond a minimal Debian, "
                f"{megabytes(without_systemd)} where systemd is there")

    def package(self, source):
        """A package of the plugin in the folder source; the file."""
        debian = pathlib.Path(source, "debian")
        (debian / "source").mkdir(parents=True)
        (debian / "source/format").write_text("3.0 (native)\n")
        (debian / "changelog").write_text(
            "usher-auth-static-token (1.0) unstable; urgency=low\n\n  * First.\n\n"
            " -- Somebody Else <else@example.org>  Sun, 22 Nov 2026 12:00:00 +0000\n")
        (debian / "control").write_text(
            "Source: usher-auth-static-token\nSection: net\nPriority: optional\n"
            "Maintainer: Somebody Else <else@example.org>\n"
            "Build-Depends: debhelper-compat (= 13), cmake, usher-plugin-dev\n\n"
            "Package: usher-auth-static-token\nArchitecture: any\nDepends: ${misc:Depends}, ${shlibs:Depends}\n"
            "Provides: usher-auth-plugin\nDescription: one token\n For tests.\n")
        (debian / "rules").write_text("#!/usr/bin/make -f\n%:\n\tdh $@ --buildsystem=cmake --with usherplugin\n"
                                      "override_dh_auto_configure:\n\tdh_auto_configure -- -DCMAKE_INSTALL_LIBDIR=lib\n")
        (debian / "rules").chmod(0o755)
        (debian / "usher-auth-static-token.install").write_text("60-static-token.conf etc/usher/conf.d\n")
        pathlib.Path(source, "60-static-token.conf").write_text(PLUGIN_CONF)
        # -d: gcc and make are here, the rest of build-essential is not needed.
        run("dpkg-buildpackage", "-d", "-us", "-uc", "-b", cwd=source)
        return glob.glob("/work/usher-auth-static-token_*.deb")[0]


class Dnf:
    """Fedora's and RHEL's: dnf, rpm, rpmbuild."""
    PACKAGES = ["usherd", "usherd-auth-apikey", "usherd-auth-oidc", "usherd-auth-webhook", "usherctl", "usher-plugin-devel"]
    UNITS = "/usr/lib/systemd/system/"
    KEEPS_CONFIGURATION = False  # an unchanged file goes with its package, a changed one stays as .rpmsave

    def _dnf(self, *words):
        # Not -q, which keeps what packages' scripts say to itself.
        return run("dnf", "-y", "--releasever=1", "--disablerepo=*", "--enablerepo=usher", *words)

    def repository(self, name):
        repos = pathlib.Path("/etc/yum.repos.d")
        repos.mkdir(exist_ok=True)
        (repos / "usher.repo").write_text(f"[usher]\nname=usher\nbaseurl=file:///repository/{name}\ngpgcheck=0\n")
        run("dnf", "-q", "clean", "all", "--releasever=1")
        # What the packages want of the system: this is a Debian, and dnf knows of nothing that dpkg has installed.
        self._dnf("install", "debian-underneath")

    def install(self, *names):
        self._dnf("install", *names)

    def upgrade(self):
        self._dnf("upgrade", *self.PACKAGES)

    def downgrade(self, version):
        self._dnf("downgrade", *(f"{name}-{version}" for name in self.PACKAGES))

    def remove(self, *names):
        return self._dnf("remove", *names)

    def purge(self, *names):
        """What the manual page says: the data is an administrator's to delete."""
        installed = [name for name in names if name in run("rpm", "-qa", "--qf", "%{NAME}\n").split()]
        if installed:
            self._dnf("remove", *installed)
        if "usherd" in names:
            run("rm", "-rf", "/var/lib/usher")

    def version(self, name):
        return run("rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}", name)

    def size(self, name):
        """What its own files take: what is below it is a Debian here, and says nothing of Fedora."""
        return f"; {name} takes {int(run('rpm', '-q', '--qf', '%{SIZE}', name)) / 2 ** 20:.1f} MB"

    def restarts(self):
        script = run("rpm", "-q", "--scripts", "usherd").partition("postuninstall scriptlet")[2].partition(" scriptlet ")[0]
        return re.findall(r"[a-z-]+\.(?:service|socket)", " ".join(line for line in script.splitlines() if "restart" in line))

    def needs_the_interface(self, name):
        return "usher(auth-abi) = 1" in run("rpm", "-q", "--requires", name)

    def package(self, source):
        """A package of the plugin in the folder source; the file. usher-plugin-devel's generator adds its dependency."""
        pathlib.Path(source, "60-static-token.conf").write_text(PLUGIN_CONF)
        spec = pathlib.Path(source, "plugin.spec")
        spec.write_text(f"""%global debug_package %{{nil}}
Name: usher-auth-static-token
Version: 1.0
Release: 1
Summary: One token
License: Apache-2.0
%description
For tests.
%build
cmake -S {source} -B build -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR=%{{_libdir}} -DCMAKE_BUILD_TYPE=Release
cmake --build build
%install
DESTDIR=%{{buildroot}} cmake --install build
install -D -m 640 {source}/60-static-token.conf %{{buildroot}}/etc/usher/conf.d/60-static-token.conf
%files
/usr/lib*/usher/plugins/static-token.so
%config(noreplace) %attr(0640, root, usher) /etc/usher/conf.d/60-static-token.conf
""")
        # --nodeps: the compiler is dpkg's.
        run("rpmbuild", "-bb", "--nodeps", "--define", "_topdir /work/rpmbuild", str(spec))
        return glob.glob("/work/rpmbuild/RPMS/*/usher-auth-static-token-*.rpm")[0]


def named(name):
    found = {"deb": Apt, "rpm": Dnf}.get(name)
    expect(found, f"no packages are called {name}")
    return found()
