//! Parses a template into its tree.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::error::{Error, Problem, Result};
use super::lex::{Kind, Token, tokens};
use super::literal;
use super::tree::{Branch, Command, List, Node, Operand, Pipe, Term};

/// A template with the templates that it defines.
#[derive(Debug)]
pub(super) struct Template {
    /// The template itself.
    pub root: List,
    /// The templates that `define` and `block` name.
    pub defined: BTreeMap<String, List>,
}

/// How deep actions and parentheses may be nested.
const MAX_DEPTH: usize = 100;

/// Parses a template. Every function must be known, even one that is never called.
pub(super) fn parse(text: &str, known: &dyn Fn(&str) -> bool) -> Result<Template> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        known,
        variables: vec![Rc::from("")],
        ranges: 0,
        depth: 0,
        defined: BTreeMap::new(),
    };
    let mut root = List::new();
    loop {
        match parser.item()? {
            Item::Node(node) => root.push(node),
            Item::Definition => {}
            Item::Finished => break,
            Item::End(at) => return syntax(at, "unexpected {{end}}"),
            Item::Else(at) => return syntax(at, "unexpected {{else}}"),
        }
    }
    Ok(Template { root, defined: parser.defined })
}

fn syntax<T>(at: usize, message: impl Into<String>) -> Result<T> {
    Err(Error::new(at, Problem::Syntax(message.into())))
}

/// The next item in a list of nodes.
enum Item {
    Node(Node),
    /// A `define`, which leaves nothing in the list.
    Definition,
    End(usize),
    /// `else`; what follows in its action is still to be read.
    Else(usize),
    Finished,
}

struct Parser<'a> {
    tokens: Vec<Token>,
    next: usize,
    known: &'a dyn Fn(&str) -> bool,
    variables: Vec<Rc<str>>,
    ranges: usize,
    depth: usize,
    defined: BTreeMap<String, List>,
}

impl Parser<'_> {
    /// The next token, which may be a space.
    fn raw(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn skip(&mut self) {
        self.next += 1;
    }

    /// The next token that is not a space.
    fn peek(&mut self) -> &Token {
        while self.raw().kind == Kind::Space {
            self.skip();
        }
        self.raw()
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.skip();
        token
    }

    fn word(&mut self) -> Option<String> {
        let token = self.peek();
        (token.kind == Kind::Word).then(|| token.text.clone())
    }

    fn close(&mut self, context: &str) -> Result<()> {
        let token = self.take();
        if token.kind == Kind::Close { Ok(()) } else { syntax(token.at, unexpected(&token, context)) }
    }

    fn item(&mut self) -> Result<Item> {
        let token = self.take();
        match token.kind {
            Kind::End => return Ok(Item::Finished),
            Kind::Text => return Ok(Item::Node(Node::Text(token.text))),
            _ => {}
        }
        let Some(word) = self.word() else { return self.print() };
        let at = self.raw().at;
        match word.as_str() {
            "if" | "with" | "range" => {
                self.skip();
                self.branch(&word).map(Item::Node)
            }
            "end" => {
                self.skip();
                self.close("end")?;
                Ok(Item::End(at))
            }
            "else" => {
                self.skip();
                Ok(Item::Else(at))
            }
            "define" => {
                self.skip();
                let name = self.template_name("define clause")?;
                self.close("define clause")?;
                let body = self.definition()?;
                self.define(name, body, at)?;
                Ok(Item::Definition)
            }
            "block" => {
                self.skip();
                let name = self.template_name("block clause")?;
                let pipe = Some(self.pipe("block clause", Kind::Close)?);
                let body = self.definition()?;
                self.define(name.clone(), body, at)?;
                Ok(Item::Node(Node::Template { name, pipe, at }))
            }
            "template" => {
                self.skip();
                let name = self.template_name("template clause")?;
                let pipe = if self.peek().kind == Kind::Close {
                    self.skip();
                    None
                } else {
                    Some(self.pipe("template clause", Kind::Close)?)
                };
                Ok(Item::Node(Node::Template { name, pipe, at }))
            }
            "break" | "continue" => {
                self.skip();
                self.close(&format!("{{{{{word}}}}}"))?;
                if self.ranges == 0 {
                    return syntax(at, format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                Ok(Item::Node(if word == "break" { Node::Break } else { Node::Continue }))
            }
            _ => self.print(),
        }
    }

    fn print(&mut self) -> Result<Item> {
        Ok(Item::Node(Node::Action(self.pipe("command", Kind::Close)?)))
    }

    /// Reads nodes up to `end` or `else`, and returns whether it is `else`.
    fn list(&mut self) -> Result<(List, bool)> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return syntax(self.raw().at, "actions are nested too deeply");
        }
        let mut nodes = List::new();
        loop {
            match self.item()? {
                Item::Node(node) => nodes.push(node),
                // Go allows `define` only at the top.
                Item::Definition => return syntax(self.raw().at, "unexpected <define> in command"),
                Item::End(_) => {
                    self.depth -= 1;
                    return Ok((nodes, false));
                }
                Item::Else(_) => {
                    self.depth -= 1;
                    return Ok((nodes, true));
                }
                Item::Finished => return syntax(self.raw().at, "unexpected EOF"),
            }
        }
    }

    fn branch(&mut self, keyword: &str) -> Result<Node> {
        let visible = self.variables.len();
        let pipe = self.pipe(keyword, Kind::Close)?;
        let range = usize::from(keyword == "range");
        self.ranges += range;
        let (body, has_else) = self.list()?;
        self.ranges -= range;
        let mut otherwise = None;
        if has_else {
            let chained = self.word().filter(|word| word == keyword && keyword != "range");
            if chained.is_some() {
                self.skip();
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return syntax(self.raw().at, "actions are nested too deeply");
                }
                otherwise = Some(vec![self.branch(keyword)?]);
                self.depth -= 1;
            } else {
                self.close("else")?;
                let (list, again) = self.list()?;
                if again {
                    return syntax(self.raw().at, "expected end; found {{else}}");
                }
                otherwise = Some(list);
            }
        }
        self.variables.truncate(visible);
        let branch = Branch { pipe, body, otherwise };
        Ok(match keyword {
            "if" => Node::If(branch),
            "with" => Node::With(branch),
            _ => Node::Range(branch),
        })
    }

    /// Reads the body of a template, in which only `$` is visible.
    fn definition(&mut self) -> Result<List> {
        let variables = std::mem::replace(&mut self.variables, vec![Rc::from("")]);
        let ranges = std::mem::take(&mut self.ranges);
        let (body, has_else) = self.list()?;
        if has_else {
            return syntax(self.raw().at, "unexpected {{else}} in define clause");
        }
        self.variables = variables;
        self.ranges = ranges;
        Ok(body)
    }

    fn define(&mut self, name: String, body: List, at: usize) -> Result<()> {
        let empty = |list: &List| list.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()));
        match self.defined.get(&name) {
            Some(before) if !empty(before) => {
                if !empty(&body) {
                    return syntax(at, format!("multiple definition of template {name:?}"));
                }
            }
            _ => {
                self.defined.insert(name, body);
            }
        }
        Ok(())
    }

    fn template_name(&mut self, context: &str) -> Result<String> {
        let token = self.take();
        match token.kind {
            Kind::Raw => Ok(token.text),
            Kind::Quoted => literal::string(&token.text).map_or_else(|| syntax(token.at, "invalid syntax"), Ok),
            _ => syntax(token.at, unexpected(&token, context)),
        }
    }

    fn pipe(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        let at = self.peek().at;
        let mut pipe = Pipe { variables: Vec::new(), assigns: false, commands: Vec::new(), at };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.peek().clone();
            if token.kind == end {
                self.skip();
                break;
            }
            match token.kind {
                Kind::Dot
                | Kind::Field
                | Kind::Variable
                | Kind::Word
                | Kind::Number
                | Kind::Character
                | Kind::Quoted
                | Kind::Raw
                | Kind::LeftParen => pipe.commands.push(self.command()?),
                _ => return syntax(token.at, unexpected(&token, context)),
            }
        }
        if pipe.commands.is_empty() {
            return syntax(at, format!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            let first = &command.0[0];
            if matches!(first.term, Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::Text(_)) {
                return syntax(first.at, format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(pipe)
    }

    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<()> {
        while self.peek().kind == Kind::Variable {
            let before = self.next;
            let variable = self.take();
            let name: Rc<str> = Rc::from(variable.text.as_str());
            let following = self.peek().clone();
            match following.kind {
                Kind::Assign | Kind::Declare => {
                    self.skip();
                    pipe.assigns = following.kind == Kind::Assign;
                    self.variables.push(Rc::clone(&name));
                    pipe.variables.push(name);
                    return Ok(());
                }
                Kind::Other if following.text == "," => {
                    self.skip();
                    self.variables.push(Rc::clone(&name));
                    pipe.variables.push(name);
                    if context != "range" || pipe.variables.len() > 1 {
                        return syntax(following.at, format!("too many declarations in {context}"));
                    }
                    if !matches!(self.peek().kind, Kind::Variable | Kind::Close | Kind::RightParen) {
                        return syntax(following.at, "range can only initialize variables");
                    }
                }
                _ => {
                    self.next = before;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Command> {
        let mut operands = Vec::new();
        loop {
            self.peek();
            if let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            let token = self.raw().clone();
            match token.kind {
                Kind::Space => self.skip(),
                Kind::Close | Kind::RightParen => break,
                Kind::Pipe => {
                    self.skip();
                    break;
                }
                _ => return syntax(token.at, unexpected(&token, "operand")),
            }
        }
        if operands.is_empty() {
            return syntax(self.raw().at, "empty command");
        }
        Ok(Command(operands))
    }

    fn operand(&mut self) -> Result<Option<Operand>> {
        let token = self.raw().clone();
        let at = token.at;
        let term = match token.kind {
            Kind::Dot => Term::Dot,
            Kind::Field => Term::Field(vec![token.text]),
            Kind::Variable => {
                let name: Rc<str> = Rc::from(token.text.as_str());
                if !self.variables.contains(&name) {
                    return syntax(at, format!("undefined variable \"${name}\""));
                }
                Term::Variable(name, Vec::new())
            }
            Kind::Word => match token.text.as_str() {
                "true" => Term::Bool(true),
                "false" => Term::Bool(false),
                "nil" => Term::Nil,
                "if" | "with" | "range" | "end" | "else" | "define" | "block" | "template" | "break" | "continue" => {
                    return syntax(at, format!("unexpected <{}> in operand", token.text));
                }
                name if (self.known)(name) => Term::Function(token.text),
                name => return Err(Error::new(at, Problem::UnknownFunction(name.to_owned()))),
            },
            Kind::Number => match literal::number(&token.text) {
                Some(number) => Term::Number(number),
                None => return syntax(at, format!("bad number syntax: {:?}", token.text)),
            },
            Kind::Character => match literal::character(&token.text) {
                Some(number) => Term::Number(number),
                None => return syntax(at, format!("malformed character constant: {}", token.text)),
            },
            Kind::Quoted => match literal::string(&token.text) {
                Some(text) => Term::Text(Rc::from(text)),
                None => return syntax(at, "invalid syntax"),
            },
            Kind::Raw => Term::Text(Rc::from(token.text)),
            Kind::LeftParen => {
                self.skip();
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return syntax(at, "parentheses are nested too deeply");
                }
                let pipe = self.pipe("parenthesized pipeline", Kind::RightParen)?;
                self.depth -= 1;
                return self.fields(Operand { term: Term::Pipe(Box::new(pipe)), at }).map(Some);
            }
            _ => return Ok(None),
        };
        self.skip();
        self.fields(Operand { term, at }).map(Some)
    }

    /// Reads the fields that directly follow an operand.
    fn fields(&mut self, operand: Operand) -> Result<Operand> {
        let mut more = Vec::new();
        while self.raw().kind == Kind::Field {
            more.push(self.raw().text.clone());
            self.skip();
        }
        if more.is_empty() {
            return Ok(operand);
        }
        let Operand { term, at } = operand;
        let term = match term {
            Term::Field(mut names) => {
                names.extend(more);
                Term::Field(names)
            }
            Term::Variable(name, mut names) => {
                names.extend(more);
                Term::Variable(name, names)
            }
            term @ (Term::Pipe(_) | Term::Function(_)) => Term::Chain(Box::new(Operand { term, at }), more),
            _ => return syntax(at, "unexpected . after term"),
        };
        Ok(Operand { term, at })
    }
}

fn unexpected(token: &Token, context: &str) -> String {
    let text = match token.kind {
        Kind::End => "EOF".to_owned(),
        Kind::Close => "\"}}\"".to_owned(),
        Kind::Open => "\"{{\"".to_owned(),
        _ => format!("{:?}", token.text),
    };
    format!("unexpected {text} in {context}")
}
