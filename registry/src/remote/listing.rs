//! Pages of a list, as stores send them, before `object_store` reads them.

use object_store::path::Path;

/// What holds one name, and the name in it: S3's objects and folders, and Azure's.
const ITEMS: [(&str, &str); 4] =
    [("Contents", "Key"), ("CommonPrefixes", "Prefix"), ("Blob", "Name"), ("BlobPrefix", "Name")];

/// A page without the names that are none of a registry's and that `object_store` would refuse the whole list for (an empty part, as in
/// `log//a`); `None` where it is no page of a list, or does not say how the list goes on: something else reads as an empty list, an older
/// protocol's page as one that ends too early, and one that names itself as the next as one without end.
pub(super) fn readable(page: &str, asked: &str) -> Option<String> {
    let is_list = page.contains("<ListBucketResult") || page.contains("<EnumerationResults");
    let next = text(page, "NextContinuationToken");
    let is_complete = !page.contains("<IsTruncated>true") || next.is_some_and(|next| !next.is_empty());
    let before = asked.split('&').find_map(|pair| pair.strip_prefix("continuation-token="));
    let is_again = before.is_some_and(|before| next.is_some_and(|next| is_same(before, next)));
    (is_list && is_complete && !is_again).then(|| ITEMS.into_iter().fold(page.to_owned(), without_odd_names))
}

/// Whether a token, as it was asked with, is the one that came, which may be written otherwise in a query and in XML.
fn is_same(asked: &str, came: &str) -> bool {
    let plain = |text: &str| -> String { text.chars().filter(char::is_ascii_alphanumeric).collect() };
    let decoded: String =
        url::form_urlencoded::parse(format!("a={asked}").as_bytes()).map(|(_, value)| value.into_owned()).collect();
    plain(&decoded) == plain(came)
}

fn text<'a>(xml: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{element}>"))?;
    Some(rest.split_once(&format!("</{element}>"))?.0)
}

fn without_odd_names(page: String, (item, name): (&str, &str)) -> String {
    let (open, close) = (format!("<{item}>"), format!("</{item}>"));
    let mut kept = String::with_capacity(page.len());
    let mut rest = page.as_str();
    while let Some((before, behind)) = rest.split_once(&open) {
        let Some((inner, after)) = behind.split_once(&close) else { break };
        kept.push_str(before);
        if text(inner, name).is_none_or(|name| Path::parse(name).is_ok()) {
            kept.push_str(&open);
            kept.push_str(inner);
            kept.push_str(&close);
        }
        rest = after;
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_odd_name_does_not_hide_the_others() {
        let page = "<ListBucketResult><Contents><Key>p/log/1</Key></Contents><Contents><Key>p/log//a</Key></Contents>\
                    <Contents><Key>p/log/2</Key></Contents><CommonPrefixes><Prefix>p/log//</Prefix></CommonPrefixes>\
                    <CommonPrefixes><Prefix>p/log/x/</Prefix></CommonPrefixes><IsTruncated>false</IsTruncated></ListBucketResult>";
        let read = readable(page, "list-type=2").unwrap();
        assert!(read.contains("log/1<") && read.contains("log/2<") && read.contains("log/x/<"), "{read}");
        assert!(!read.contains("//"), "{read}");
        let whole = page.replace("//", "/");
        assert_eq!(readable(&whole, "list-type=2").unwrap(), whole);
    }

    #[test]
    fn a_page_that_does_not_say_how_it_goes_on_is_none() {
        let page = |rest: &str| format!("<ListBucketResult>{rest}</ListBucketResult>");
        let next = |token: &str| {
            page(&format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"))
        };
        assert!(readable(&next("b=/x"), "list-type=2&continuation-token=a%3D%2Fx").is_some());
        for (page, asked) in [
            (page("<IsTruncated>true</IsTruncated>"), "list-type=2"),
            (next(""), "list-type=2"),
            (next("a=/x"), "list-type=2&continuation-token=a%3D%2Fx"),
            ("<html>Welcome</html>".to_owned(), "list-type=2"),
        ] {
            assert!(readable(&page, asked).is_none(), "{page}");
        }
    }
}
