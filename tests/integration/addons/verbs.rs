//! `addons list` and `addons check` through the real binary.

use super::tree::{manifest, tree};
use super::{Check, CheckWithOdoo};
use crate::harness::Test;
use crate::harness::process::{Finished, Launch};
use crate::harness::world::give_away;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub const CHECKS: &[Check] = &[
    ("list_shows_what_wins_and_from_where", list_shows_what_wins_and_from_where),
    ("findings_are_told_all_at_once", findings_are_told_all_at_once),
    ("what_may_never_matter_is_a_warning", what_may_never_matter_is_a_warning),
    ("community_only_refuses_licences", community_only_refuses_licences),
    (
        "community_only_refuses_enterprise_and_what_needs_it",
        community_only_refuses_enterprise_and_what_needs_it,
    ),
    ("communitys_own_modules_are_not_refused", communitys_own_modules_are_not_refused),
    ("python_packages_win_and_need_no_entry", python_packages_win_and_need_no_entry),
    ("a_shell_wrapper_is_followed", a_shell_wrapper_is_followed),
    ("a_folder_of_repositories_is_taken_apart", a_folder_of_repositories_is_taken_apart),
    ("an_explicit_path_is_what_counts", an_explicit_path_is_what_counts),
    ("wanted_modules_have_to_be_there", wanted_modules_have_to_be_there),
    ("files_of_every_kind_end_in_a_message", files_of_every_kind_end_in_a_message),
    ("root_may_check_an_image", root_may_check_an_image),
    ("usage_errors_are_64", usage_errors_are_64),
];

/// Those that need real Odoo.
pub const WITH_ODOO: &[CheckWithOdoo] =
    &[("odoo_itself_is_community_without_a_finding", odoo_itself_is_community_without_a_finding)];

fn odoo_itself_is_community_without_a_finding(test: &Test, source: &Path) {
    let run = addons(test, &["check", "--ce-only"]).env("ENTRYPOINT_ODOO_BIN", source.join("odoo-bin")).run();
    run.expect_code(0);
    assert!(run.stdout.ends_with(" modules, 0 errors, 0 warnings\n"), "{}", run.stdout);
    // The list of Enterprise modules is one of another day; it may not have a name of this Odoo.
    for folder in [source.join("addons"), source.join("odoo/addons")] {
        for entry in fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!odoo_entrypoint::addons::editions::is_enterprise(&name), "{name}");
        }
    }
}

/// `odoo-entrypoint addons ...` with the double as Odoo, the environment empty otherwise.
fn addons<'a>(test: &'a Test, arguments: &[&str]) -> Launch<'a> {
    let launch = test.launch(test.world().product()).env("ENTRYPOINT_ODOO_BIN", test.world().double());
    launch.env("ODOO_RC", test.write("base.conf", "[options]\n")).arg("addons").args(arguments)
}

fn report(run: &Finished) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", run.stdout, run.stderr))
}

/// `severity rule module` of each finding.
fn rules(run: &Finished) -> Vec<String> {
    let report = report(run);
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("-").to_owned();
    let rule = |finding: &Value| ["severity", "rule", "module"].map(|key| text(finding, key)).join(" ");
    report["findings"].as_array().unwrap().iter().map(rule).collect()
}

fn check(test: &Test, root: &Path, flags: &[&str]) -> Finished {
    addons(test, &["check", "--json"]).args(flags).arg(root).run()
}

fn list_shows_what_wins_and_from_where(test: &Test) {
    let root = tree(
        test,
        "extra",
        &[
            ("mine", "{'name': 'Mine', 'version': '2.0', 'license': 'AGPL-3', 'depends': ['web']}"),
            ("off", "{'name': 'Off', 'license': 'LGPL-3', 'installable': False}"),
            ("web", "{'name': 'Web', 'license': 'LGPL-3'}"),
            ("bad", "{"),
        ],
    );
    let run = addons(test, &["list"]).arg(&root).run();
    run.expect_code(0);
    let root = root.display();
    let expected = format!(
        "\
MODULE  VERSION     LICENCE  INSTALLABLE  KIND   PATH
bad     -           -        broken       given  {root}/bad
mine    18.0.2.0    AGPL-3   yes          given  {root}/mine
off     18.0.1.0    LGPL-3   no           given  {root}/off
web     18.0.1.0    LGPL-3   shadowed     given  {root}/web
1 of them broken: `addons check` says why
"
    );
    // Trailing blanks are not printed, and VERSION is as wide as its widest cell.
    let squeezed = |text: &str| {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(squeezed(&run.stdout), squeezed(&expected));
    let columns: Vec<_> =
        run.stdout.lines().take(5).map(|line| line.find("given").or(line.find("KIND"))).collect();
    assert!(columns.windows(2).all(|pair| pair[0].is_some() && pair[0] == pair[1]), "{}", run.stdout);
    assert!(!run.stdout.contains('\x1b'), "no colours without a terminal");

    let run = addons(test, &["list", "--json"]).arg(root.to_string()).run();
    let modules = report(run.expect_code(0));
    assert_eq!(
        modules["modules"][1],
        json!({
            "name": "mine", "title": "Mine", "version": "18.0.2.0", "license": "AGPL-3", "installable": true,
            "auto_install": null, "depends": ["web"], "path": format!("{root}/mine"), "root": root.to_string(),
            "kind": "given", "shadowed": false, "error": null,
        })
    );
    assert_eq!(modules["modules"][3]["shadowed"], true);
    // Without folders Odoo's own are listed.
    let run = addons(test, &["list"]).run();
    assert!(
        run.expect_code(0).stdout.lines().any(|line| line.starts_with("web ") && line.contains(" core "))
    );
}

fn findings_are_told_all_at_once(test: &Test) {
    let root = tree(
        test,
        "extra",
        &[
            ("unclosed", "{\n    'name': 'A',\n    'depends': ['base',\n}\n"),
            ("called", "{'name': _('A')}"),
            ("versioned", "{'name': 'A', 'license': 'LGPL-3', 'version': '17.0.1.0.0'}"),
            ("a", &manifest("LGPL-3", &["b"])),
            ("b", &manifest("LGPL-3", &["c"])),
            ("c", &manifest("LGPL-3", &["a"])),
            ("good", &manifest("LGPL-3", &["base", "web"])),
        ],
    );
    let run = addons(test, &["check"]).arg(&root).run();
    run.expect_code(81);
    let root = root.display();
    let effect = "until then every request of Odoo, -i and -u fail, installed or not";
    let (head, total) = run.stdout.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(
        head,
        format!(
            "\
error: modules depend on each other, so that none of them can be installed
  why: a -> b -> c -> a
  fix: take one of these out of the other's 'depends'
error: the manifest of called is not a Python literal
  why: {root}/called/__manifest__.py:1:10: the name _; a manifest is a literal: no names, calls or operators
  fix: mend that place; {effect}
error: the manifest of unclosed is not a Python literal
  why: {root}/unclosed/__manifest__.py:4:1: `}}`, where a value or the `]` for the `[` of line 3 is expected
  fix: mend that place; {effect}
error: the manifest of versioned is not valid
  why: {root}/versioned/__manifest__.py:1: 'version' is \"17.0.1.0.0\", which Odoo 18 does not take
  fix: write '18.0.x.y.z', '18.0.x.y', 'x.y.z' or 'x.y'; {effect}"
        )
    );
    assert!(total.ends_with(" modules, 4 errors, 0 warnings"), "{total}");
    let found = report(&check(test, Path::new(&root.to_string()), &[]));
    assert_eq!(found["ok"], false);
    assert_eq!(found["findings"][0]["chain"], json!(["a", "b", "c", "a"]));
    assert_eq!((&found["findings"][2]["line"], &found["findings"][2]["column"]), (&json!(4), &json!(1)));
}

fn what_may_never_matter_is_a_warning(test: &Test) {
    let root = tree(
        test,
        "extra",
        &[
            ("needs", &manifest("LGPL-3", &["weeb", "off", "nothing_like_it"])),
            ("off", "{'name': 'A', 'license': 'LGPL-3', 'installable': False, 'depends': ['gone']}"),
            ("web", "{'name': 'shadowed', 'license': 'LGPL-3'"),
            ("free", "{'name': 'A'}"),
        ],
    );
    let run = check(test, &root, &[]);
    run.expect_code(0);
    assert_eq!(
        rules(&run),
        [
            "warning manifest-odd free",
            "warning dependency-missing needs",
            "warning dependency-missing needs",
            "warning dependency-uninstallable needs",
            "warning manifest-syntax web",
            "warning duplicate web",
        ]
    );
    let found = report(&run);
    assert_eq!(found["findings"][1]["fix"], "did you mean web?");
    assert_eq!(found["findings"][2]["what"], "needs depends on nothing_like_it, which is not there");
}

fn community_only_refuses_licences(test: &Test) {
    let root = tree(
        test,
        "extra",
        &[
            ("agpl", &manifest("AGPL-3", &[])),
            ("gpl2", &manifest("GPL-2", &[])),
            ("gpl2later", &manifest("GPL-2 or any later version", &[])),
            ("gpl3", &manifest("GPL-3", &[])),
            ("gpl3later", &manifest("GPL-3 or any later version", &[])),
            ("lgpl", &manifest("LGPL-3", &[])),
            ("osi", &manifest("Other OSI approved licence", &[])),
            ("missing", "{'name': 'A'}"),
            ("oeel", &manifest("OEEL-1", &[])),
            ("opl", &manifest("OPL-1", &[])),
            ("other", &manifest("Other proprietary", &[])),
            ("unknown", &manifest("lgpl-3", &[])),
            ("off", "{'name': 'A', 'license': 'OEEL-1', 'installable': False}"),
        ],
    );
    let run = check(test, &root, &["--ce-only"]);
    run.expect_code(81);
    assert_eq!(
        rules(&run),
        [
            "error ce-license oeel",
            "error ce-license off",
            "error ce-license opl",
            "error ce-license other",
            "error ce-license unknown",
            "warning manifest-odd missing",
            "warning manifest-odd unknown",
        ]
    );
    let problem = &report(&run)["findings"][0];
    assert_eq!(problem["what"], "oeel is not under a licence for Odoo Community");
    assert_eq!(problem["why"], format!("{}/oeel/__manifest__.py: 'license': \"OEEL-1\"", root.display()));
    // Without the flag nobody's licence is anybody's business.
    check(test, &root, &[]).expect_code(0);
}

fn community_only_refuses_enterprise_and_what_needs_it(test: &Test) {
    let root = tree(
        test,
        "extra",
        &[
            ("a", &manifest("LGPL-3", &["base", "b"])),
            ("b", &manifest("AGPL-3", &["web", "account_accountant"])),
            ("web_studio", &manifest("LGPL-3", &["web"])),
            ("uses_paid", &manifest("LGPL-3", &["paid"])),
            ("paid", &manifest("OPL-1", &[])),
            ("uses_iap", &manifest("LGPL-3", &["iap", "iap_mail", "account"])),
        ],
    );
    let run = check(test, &root, &["--ce-only"]);
    run.expect_code(81);
    let errors: Vec<_> = rules(&run).into_iter().filter(|rule| rule.starts_with("error")).collect();
    assert_eq!(
        errors,
        [
            "error ce-dependency a",
            "error ce-dependency b",
            "error ce-license paid",
            "error ce-dependency uses_paid",
            "error ce-name web_studio",
        ]
    );
    let found = report(&run);
    assert_eq!(found["findings"][0]["chain"], json!(["a", "b", "account_accountant"]));
    assert_eq!(
        found["findings"][0]["why"],
        format!("a -> b -> account_accountant ({}/a/__manifest__.py)", root.display())
    );
    assert_eq!(found["findings"][3]["chain"], json!(["uses_paid", "paid"]));
}

fn communitys_own_modules_are_not_refused(test: &Test) {
    // As in Odoo 18: `certificate` is Community's own and claims to be under OEEL-1.
    let source = test.make_dir("odoo18");
    test.make_dir("odoo18/odoo");
    fs::write(source.join("odoo/__init__.py"), "").unwrap();
    let script = source.join("odoo-bin");
    fs::write(&script, "#!/usr/bin/env python3\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    tree(test, "odoo18/odoo/addons", &[("base", &manifest("LGPL-3", &[]))]);
    let addons_of_odoo = tree(
        test,
        "odoo18/addons",
        &[
            ("iap", &manifest("LGPL-3", &["base"])),
            ("certificate", &manifest("OEEL-1", &["base"])),
            ("account_edi_certificate", &manifest("LGPL-3", &["certificate"])),
        ],
    );
    for arguments in
        [vec!["check", "--ce-only"], vec!["check", "--ce-only", addons_of_odoo.to_str().unwrap()]]
    {
        let run = addons(test, &arguments).env("ENTRYPOINT_ODOO_BIN", &script).run();
        run.expect_code(0);
        assert_eq!(run.stdout, "4 modules, 0 errors, 0 warnings\n");
    }
    // The same licence under another name is not, wherever it lies.
    tree(test, "odoo18/addons", &[("smuggled", &manifest("OEEL-1", &["base"]))]);
    let run = addons(test, &["check", "--ce-only", "--json"]).env("ENTRYPOINT_ODOO_BIN", &script).run();
    assert_eq!(rules(run.expect_code(81)), ["error ce-license smuggled"]);
}

/// A virtual environment with Odoo and one module installed as packages; the path of its `odoo`.
fn environment(test: &Test) -> std::path::PathBuf {
    let site = "venv/lib/python3.11/site-packages";
    for folder in ["venv/bin", &format!("{site}/odoo")] {
        test.make_dir(folder);
    }
    let venv = test.dir().join("venv");
    fs::write(venv.join("pyvenv.cfg"), "home = /usr/bin\ninclude-system-site-packages = false\n").unwrap();
    std::os::unix::fs::symlink("/usr/bin/python3", venv.join("bin/python")).unwrap();
    fs::write(test.dir().join(site).join("odoo/__init__.py"), "").unwrap();
    tree(
        test,
        &format!("{site}/odoo/addons"),
        &[("base", &manifest("LGPL-3", &[])), ("packaged", &manifest("LGPL-3", &["base"]))],
    );
    // A second portion of the namespace, by a .pth file, as an editable installation makes one.
    let more = tree(test, "editable/odoo/addons", &[("edited", &manifest("LGPL-3", &["base"]))]);
    let more = more.parent().unwrap().parent().unwrap();
    fs::write(test.dir().join(site).join("more.pth"), format!("import os\n{}\n", more.display())).unwrap();
    let script = venv.join("bin/odoo");
    fs::write(&script, format!("#!{}\n", venv.join("bin/python").display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}

fn python_packages_win_and_need_no_entry(test: &Test) {
    let script = environment(test);
    let root = tree(
        test,
        "extra",
        &[("packaged", &manifest("LGPL-3", &[])), ("mine", &manifest("LGPL-3", &["packaged", "edited"]))],
    );
    let path = test.make_dir("pythonpath/odoo/addons");
    tree(test, "pythonpath/odoo/addons", &[("by_path", &manifest("LGPL-3", &["base"]))]);
    let python_path = path.parent().unwrap().parent().unwrap();
    let run = addons(test, &["list", "--json"])
        .env("ENTRYPOINT_ODOO_BIN", &script)
        .env("ODOO_ADDONS_PATH", &root)
        .env("PYTHONPATH", python_path)
        .run();
    let listed = report(run.expect_code(0));
    let kinds: Vec<String> = listed["modules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|module| {
            format!("{} {} {}", module["name"], module["kind"], module["shadowed"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "base core false",
            "by_path package false",
            "edited package false",
            "mine configured false",
            "packaged core false",
            "packaged configured true",
        ]
    );
    let run = addons(test, &["check", "--json"])
        .env("ENTRYPOINT_ODOO_BIN", &script)
        .env("ODOO_ADDONS_PATH", &root)
        .run();
    assert_eq!(rules(run.expect_code(0)), ["warning duplicate packaged"]);
}

fn a_shell_wrapper_is_followed(test: &Test) {
    let wrapper = test.write(
        "odoo-bin",
        format!("#!/bin/sh\nexec /usr/bin/python3 {} \"$@\"\n", test.world().double().display()),
    );
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let run = addons(test, &["list"]).env("ENTRYPOINT_ODOO_BIN", &wrapper).run();
    assert!(run.expect_code(0).stdout.contains("/odoo/addons/base\n"), "{}", run.stdout);
}

fn a_folder_of_repositories_is_taken_apart(test: &Test) {
    let oca = test.make_dir("oca");
    tree(test, "oca/server-auth", &[("auth_oidc", &manifest("AGPL-3", &["base"]))]);
    tree(test, "oca/web", &[("web_responsive", &manifest("AGPL-3", &["web"]))]);
    // Not repositories: what Kubernetes keeps in a mounted volume, a checkout's own folder, one without modules.
    tree(test, "oca/..2026_01_01", &[("hidden", &manifest("AGPL-3", &[]))]);
    test.make_dir("oca/documentation/images");
    let run = addons(test, &["list", "--json"]).arg(&oca).run();
    let listed = report(run.expect_code(0));
    let roots: Vec<_> =
        listed["modules"].as_array().unwrap().iter().map(|module| module["root"].clone()).collect();
    assert_eq!(roots, [json!(oca.join("server-auth")), json!(oca.join("web"))]);
    // A repository that may not be looked into would end every request of Odoo.
    let closed = test.make_dir("oca/closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let run = check(test, &oca, &[]);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(rules(run.expect_code(81)), ["error root-unreadable -"]);
    let run = check(test, &oca.join("documentation"), &[]);
    assert_eq!(rules(run.expect_code(0)), ["warning no-modules -"]);
}

fn an_explicit_path_is_what_counts(test: &Test) {
    let root = tree(test, "extra", &[("mine", &manifest("LGPL-3", &["base"]))]);
    let path = format!("{}, /nowhere/at/all,", root.display());
    let run = addons(test, &["check"]).env("ODOO_ADDONS_PATH", &path).run();
    run.expect_code(81);
    let (head, _) = run.stdout.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(
        head,
        "\
error: a folder of the addons path cannot be listed
  why: /nowhere/at/all (configured): No such file or directory (os error 2)
  fix: make it readable, or take it off the path; with it every request of Odoo ends with a 500"
    );
    // The base file says it as well as the environment does.
    let base = test.write("own.conf", format!("[options]\naddons_path = {path}\n"));
    addons(test, &["check"]).env("ODOO_RC", base).run().expect_code(81);
}

fn wanted_modules_have_to_be_there(test: &Test) {
    let root = tree(test, "extra", &[("mine", &manifest("LGPL-3", &["web", "purchase_request"]))]);
    let run = addons(test, &["check"]).env("ODOO_ADDONS_PATH", &root).env("ODOO_INIT", "mine,weeb").run();
    run.expect_code(81);
    let errors: Vec<_> =
        run.stdout.split("error: ").skip(1).map(|text| text.split("\nwarning").next().unwrap()).collect();
    assert_eq!(
        errors,
        [
            "the module mine cannot be installed\n  \
             why: mine -> purchase_request: no folder of the addons path has a module purchase_request\n  \
             fix: add the repository that has purchase_request to the image\n",
            "the module weeb cannot be installed\n  why: no folder of the addons path has a module weeb\n  fix: did you mean web?",
        ]
    );
}

fn files_of_every_kind_end_in_a_message(test: &Test) {
    let root = tree(
        test,
        "extra",
        &[("huge", ""), ("secret", "{}"), ("nul", "{'name': 'A\0'}"), ("good", &manifest("LGPL-3", &[]))],
    );
    let huge = fs::OpenOptions::new().write(true).open(root.join("huge/__manifest__.py")).unwrap();
    huge.set_len(100 << 20).unwrap();
    let latin = test.make_dir("extra/latin").join("__manifest__.py");
    fs::write(&latin, b"{\n 'name': 'caf\xe9'}").unwrap();
    give_away(&latin);
    fs::set_permissions(root.join("secret/__manifest__.py"), fs::Permissions::from_mode(0o000)).unwrap();
    let closed = test.make_dir("extra/closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let run = check(test, &root, &[]);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    run.expect_code(81);
    assert_eq!(
        rules(&run),
        [
            "error manifest-syntax huge",
            "error manifest-syntax latin",
            "error manifest-syntax nul",
            "error manifest-unreadable secret",
            "warning folder-closed -",
        ]
    );
    let found = report(&run);
    let why =
        |index: usize| found["findings"][index]["why"].as_str().unwrap().replace(root.to_str().unwrap(), "");
    assert_eq!(
        why(0),
        "/huge/__manifest__.py:1:1: more than 102400 characters (ODOO_LIMIT_LITEVAL_BUFFER raises the limit)"
    );
    assert_eq!(why(1), "/latin/__manifest__.py:2:14: the byte 0xe9 is not UTF-8");
    assert_eq!(why(2), "/nul/__manifest__.py:1:12: a NUL byte, which Python source cannot hold");
    assert_eq!(why(3), "/secret/__manifest__.py: Permission denied (os error 13)");
    // The variable of Odoo's moves the limit for us too.
    fs::write(root.join("huge/__manifest__.py"), manifest("LGPL-3", &[]) + &"\n".repeat(110_000)).unwrap();
    let refused = rules(&check(test, &root, &[]));
    assert_eq!(refused[0], "error manifest-syntax huge");
    let run = addons(test, &["check", "--json"]).env("ODOO_LIMIT_LITEVAL_BUFFER", "200000").arg(&root).run();
    assert_eq!(rules(&run)[0], "error manifest-syntax latin");
}

fn root_may_check_an_image(test: &Test) {
    let root = tree(test, "extra", &[("mine", &manifest("LGPL-3", &["base"]))]);
    // Only a suite that runs as root can become root.
    addons(test, &["check", "--ce-only"]).arg(&root).user(0, 0).run().expect_code(0);
    addons(test, &["list"]).arg(&root).user(0, 0).run().expect_code(0);
}

fn usage_errors_are_64(test: &Test) {
    for (arguments, message) in [
        (vec!["check", "--ce-olny"], "addons check does not know --ce-olny\n  fix: did you mean --ce-only?"),
        (vec!["lits"], "addons does not know lits\n  fix: "),
        (vec![], "addons needs to be told what to do\n  fix: write `addons list` or `addons check`"),
    ] {
        let run = addons(test, &arguments).run();
        run.expect_code(64);
        assert!(run.stderr.contains(message), "{}", run.stderr);
    }
}
